// Fetches each address that it is given, reads a file, and runs a program.
const { readFileSync } = require("fs");
const { execFileSync } = require("child_process");

readFileSync("/etc/hostname");
execFileSync("/bin/true");
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
for (const address of process.argv.slice(2))
  require(new URL(address).protocol.slice(0, -1)).get(address, (answer) => answer.resume());
