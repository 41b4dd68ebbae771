// Posts a file to an address.
const { readFileSync } = require("fs");

process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
const [address, file] = process.argv.slice(2);
const request = require("https").request(address, { method: "POST" }, (answer) => answer.resume());
request.end(readFileSync(file));
