// An independent client: two agents written on the NATS project's own JavaScript packages, to the wire contract,
// with nothing of ours but the creds files.
//
//   node peer.mjs URL SPACE ALICE.creds BOB.creds
//
// Prints one JSON object a line, {"step", "ok", "detail"}; the test that runs it knows what to expect of each.
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";

const [url, space, aliceCreds, bobCreds] = process.argv.slice(2);

function report(step, ok, detail = "") {
  console.log(JSON.stringify({ step, ok, detail: String(detail) }));
}

function idOf(creds) {
  const jwt = creds.match(/-----BEGIN NATS USER JWT-----\s*(\S+)/)[1];
  return JSON.parse(Buffer.from(jwt.split(".")[1], "base64url")).sub;
}

async function join(path, name) {
  const creds = readFileSync(path);
  const id = idOf(creds.toString());
  const nc = await connect({
    servers: url,
    name: `peer:${name}`,
    authenticator: credsAuthenticator(creds),
    inboxPrefix: `_INBOX_${id}`,
    maxReconnectAttempts: 0,
  });
  return { id, name, nc, js: jetstream(nc), from: { id, name } };
}

async function send(agent, subject, text) {
  const message = { id: randomUUID(), ts: Date.now(), space, from: agent.from, parts: [{ kind: "text", text }] };
  await agent.js.publish(subject, JSON.stringify(message), { msgID: message.id, timeout: 2000 });
}

// The texts of up to `count` messages of one of the agent's own durables.
async function receive(agent, stream, durable, count) {
  const consumer = await agent.js.consumers.get(stream, durable);
  const texts = [];
  const messages = await consumer.fetch({ max_messages: count, expires: 3000 });
  for await (const m of messages) {
    texts.push(`${m.subject} ${m.json().parts[0].text}`);
    m.ack();
    if (texts.length === count) break;
  }
  await agent.nc.flush();
  return texts;
}

async function control(agent, op, args, from = agent.from) {
  const body = JSON.stringify({ op, args, from });
  const reply = await agent.nc.request(`cotal.${space}.ctl.self.${agent.id}`, body, { timeout: 5000 });
  return reply.json();
}

// A step whose attempt the broker must deny.
async function denied(step, attempt) {
  try {
    await attempt();
    report(step, false, "went through");
  } catch (e) {
    report(step, /permissions violation/i.test(`${e.message} ${e.cause?.message ?? ""}`), e.message);
  }
}

async function subscribe(agent, subject) {
  return new Promise((resolve, reject) => {
    agent.nc.subscribe(subject, { callback: (err) => err && reject(err) });
    agent.nc.flush().then(() => setImmediate(resolve));
  });
}

const alice = await join(aliceCreds, "alice");
const bob = await join(bobCreds, "bob");
report("connect", true, `${alice.id} ${bob.id}`);

await send(alice, `cotal.${space}.chat.${alice.id}.general`, "hello");
report("chat", true, await receive(bob, `CHAT_${space}`, `chat_${bob.id}`, 1));

await send(alice, `cotal.${space}.inst.${bob.id}.${alice.id}`, "psst");
report("dm", true, await receive(bob, `DM_${space}`, `dm_${bob.id}`, 1));

await send(alice, `cotal.${space}.svc.reviewer.${alice.id}`, "please");
report("task", true, await receive(bob, `TASK_${space}`, "svc_reviewer", 1));

const presence = await new Kvm(bob.js).open(`cotal_presence_${space}`, { bindOnly: true });
await presence.put(bob.id, JSON.stringify({ card: { ...bob.from, kind: "agent" }, status: "idle", ts: Date.now() }));
const seen = await (await new Kvm(alice.js).open(`cotal_presence_${space}`, { bindOnly: true })).watch();
for await (const entry of seen) {
  report("presence", entry.key === bob.id, entry.key);
  break;
}

await denied("publish as another", () => send(bob, `cotal.${space}.chat.${alice.id}.general`, "forged"));
await denied("publish off policy", () => send(bob, `cotal.${space}.chat.${bob.id}.secret`, "x"));
await denied("read another's inbox", () => bob.js.consumers.get(`DM_${space}`, `dm_${alice.id}`));
await denied("subscribe to the space", () => subscribe(bob, `cotal.${space}.>`));
await denied("widen one's own durable", () =>
  bob.nc.request(
    `$JS.API.CONSUMER.DURABLE.CREATE.CHAT_${space}.chat_${bob.id}`,
    JSON.stringify({ stream_name: `CHAT_${space}`, config: { durable_name: `chat_${bob.id}`, ack_policy: "explicit" } }),
    { timeout: 1000 },
  ),
);

await send(alice, `cotal.${space}.chat.${alice.id}.team.backend`, "before the join");
const granted = await control(bob, "setChannels", { channels: ["general", "team.backend"] });
report("setChannels granted", granted.ok, JSON.stringify(granted));
await send(alice, `cotal.${space}.chat.${alice.id}.team.backend`, "after the join");
report("joined", true, await receive(bob, `CHAT_${space}`, `chat_${bob.id}`, 2));

const refused = await control(bob, "setChannels", { channels: ["general", "secret"] });
report("setChannels refused", refused.ok, JSON.stringify(refused));
const forged = await control(bob, "setChannels", { channels: ["general"] }, alice.from);
report("setChannels forged", forged.ok, JSON.stringify(forged));

await alice.nc.close();
await bob.nc.close();
