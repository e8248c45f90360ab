import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import { App } from "./app.js";
import { browserTime } from "./browser-time.js";
import "./page.css";
import { recordIn } from "./views/record-page.js";

const place = document.getElementById("app");
if (place === null) throw new Error("the page has no place for its content");
place.replaceChildren();
render(<App time={browserTime} record={recordIn(document)} />, place);
