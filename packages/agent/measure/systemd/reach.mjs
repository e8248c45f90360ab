// Ends with 0 if a connection to the host and port it is given comes about within three seconds.
import { connect } from "node:net";

const [host, port] = process.argv.slice(2);
const socket = connect({ host, port: Number(port), timeout: 3000 });
const end = (code) => process.exit(code);
socket
  .on("connect", () => end(0))
  .on("timeout", () => end(1))
  .on("error", () => end(1));
