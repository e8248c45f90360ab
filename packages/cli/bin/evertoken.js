#!/usr/bin/env node
// Here, and not among what is built: npm links a command when it installs, and only to a file that is there by then.
import "../dist/main.js";
