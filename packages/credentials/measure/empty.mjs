// What importing any module costs, before there is anything in it.
export {};
