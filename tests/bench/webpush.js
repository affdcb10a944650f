// npm web-push, driven by benchmarks: one command a line, one line of JSON as its answer.
//
//	node webpush.js NODE_MODULES SETUP
//
// SETUP is a file: {endpoints, keys, ca, payload, parallel}.
//	details N	generateRequestDetails, N times
//	send N		sendNotification, N times, `parallel` at once, on kept connections
'use strict';

const fs = require('fs');
const https = require('https');
const readline = require('readline');
const webpush = require(process.argv[2] + '/web-push');

const setup = JSON.parse(fs.readFileSync(process.argv[3]));
const agent = new https.Agent({ keepAlive: true, maxSockets: setup.parallel,
	ca: fs.readFileSync(setup.ca) });
const vapid = webpush.generateVAPIDKeys();
const options = { agent, TTL: 604800, urgency: 'high', vapidDetails: {
	subject: 'mailto:postmaster@example.org', publicKey: vapid.publicKey,
	privateKey: vapid.privateKey } };
let turn = 0;

function next() {
	const i = turn++;
	const [p256dh, auth] = setup.keys[i % setup.keys.length];
	return { endpoint: setup.endpoints[i % setup.endpoints.length], keys: { p256dh, auth } };
}

function details(n) {
	for (let i = 0; i < n; i++)
		webpush.generateRequestDetails(next(), setup.payload, options);
	return 0;
}

async function send(n) {
	let left = n, failed = 0;
	async function worker() {
		while (left-- > 0)
			await webpush.sendNotification(next(), setup.payload, options)
				.catch(() => { failed++; });
	}
	await Promise.all(Array.from({ length: setup.parallel }, worker));
	return failed;
}

const commands = { details, send };

(async () => {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const [name, count] = line.split(' ');
		const wall = process.hrtime.bigint(), before = process.cpuUsage();
		const failed = await commands[name](Number(count));
		const used = process.cpuUsage(before);
		console.log(JSON.stringify({ cpu_us: (used.user + used.system) / count, failed,
			wall_us: Number(process.hrtime.bigint() - wall) / 1000 / count }));
	}
	process.exit(0);
})();
