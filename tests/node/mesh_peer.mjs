// An independent endpoint: one agent written on the NATS project's own JavaScript packages, to the wire contract,
// with nothing of ours but the creds file.
//
//   node mesh_peer.mjs URL SPACE CREDS NAME [ROLE]
//
// Takes one JSON object a line: {"do":"multicast","channel","text"}, {"do":"unicast","to","text"},
// {"do":"anycast","role","text"}, {"do":"setChannels","channels"}, {"do":"presence","status","activity"?},
// {"do":"roster"}, {"do":"stop"}, each with a "ref" of the caller's choice. Any message may carry "mentions",
// "replyTo", "contextId" and "parts" instead of "text".
//
// Prints one a line: {"event":"ready","id"}, {"event":"message","kind","subject","message"} for what its durables
// deliver, {"event":"presence","key","presence"} (null: the record is gone), {"event":"connection","status"},
// {"event":"error","error"}, and {"event":"reply","ref","ok","data"?,"error"?} for each line taken. The end of the
// input stops it as well.
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";

const HEARTBEAT_MS = 2000;
const [url, space, credsPath, name, role] = process.argv.slice(2);

const creds = readFileSync(credsPath);
const jwt = creds.toString().match(/-----BEGIN NATS USER JWT-----\s*(\S+)/)[1];
const id = JSON.parse(Buffer.from(jwt.split(".")[1], "base64url")).sub;
const from = { id, name, ...(role ? { role } : {}) };

function print(object) {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

function complain(doing) {
  return (e) => print({ event: "error", error: `${doing}: ${e.message}` });
}

const nc = await connect({
  servers: url,
  name: `peer:${name}`,
  authenticator: credsAuthenticator(creds),
  inboxPrefix: `_INBOX_${id}`,
  maxReconnectAttempts: -1,
  reconnectTimeWait: 200,
});
const js = jetstream(nc);
const presence = await new Kvm(js).open(`cotal_presence_${space}`, { bindOnly: true });
const records = new Map(); // of all, as the watch told them; nobody is aged out
let own = { card: { ...from, kind: "agent", protocolVersion: "0.2" }, status: "idle" };

function announce() {
  return presence.put(id, JSON.stringify({ ...own, ts: Date.now() }));
}

async function watchPresence() {
  for await (const entry of await presence.watch()) {
    const record = entry.operation === "PUT" ? entry.json() : null;
    if (record === null) records.delete(entry.key);
    else records.set(entry.key, record);
    print({ event: "presence", key: entry.key, presence: record });
  }
}

// Prints and acknowledges whatever the durable delivers, for as long as the connection lives.
async function receive(kind, stream, durable) {
  const consumer = await js.consumers.get(stream, durable);
  const messages = await consumer.consume({ max_messages: 100 });
  return async () => {
    for await (const m of messages) {
      let message;
      try {
        message = m.json();
      } catch (e) {
        m.term();
        print({ event: "error", error: `${m.subject} is no JSON: ${e.message}` });
        continue;
      }
      print({ event: "message", kind, subject: m.subject, message });
      m.ack();
    }
  };
}

async function send(subject, destination, { text, parts, mentions, replyTo, contextId }) {
  const message = {
    id: randomUUID(),
    ts: Date.now(),
    space,
    from,
    ...destination,
    ...(mentions ? { mentions } : {}),
    parts: parts ?? [{ kind: "text", text }],
    ...(replyTo ? { replyTo } : {}),
    ...(contextId ? { contextId } : {}),
  };
  await js.publish(subject, JSON.stringify(message), { msgID: message.id, timeout: 5000 });
  return message;
}

async function control(op, args) {
  const body = JSON.stringify({ op, args, from });
  const reply = (await nc.request(`cotal.${space}.ctl.self.${id}`, body, { timeout: 5000 })).json();
  if (!reply.ok) throw new Error(reply.error);
  return reply.data;
}

function roster() {
  return [...records.values()].sort((a, b) => (a.card.name < b.card.name ? -1 : 1));
}

const verbs = {
  multicast: (c) => send(`cotal.${space}.chat.${id}.${c.channel}`, { channel: c.channel }, c),
  unicast: (c) => send(`cotal.${space}.inst.${c.to}.${id}`, { to: c.to }, c),
  anycast: (c) => send(`cotal.${space}.svc.${c.role}.${id}`, { toService: c.role }, c),
  setChannels: (c) => control("setChannels", { channels: c.channels }),
  presence: async (c) => {
    own = { ...own, status: c.status, ...(c.activity ? { activity: c.activity } : {}) };
    await announce();
  },
  roster,
};

async function obey(line) {
  let command = {};
  try {
    command = JSON.parse(line);
    if (command.do === "stop") return false;
    if (!Object.hasOwn(verbs, command.do)) throw new Error(`no such verb: ${command.do}`);
    print({ event: "reply", ref: command.ref, ok: true, data: await verbs[command.do](command) });
  } catch (e) {
    print({ event: "reply", ref: command?.ref, ok: false, error: e.message });
  }
  return true;
}

async function watchConnection() {
  for await (const status of nc.status()) {
    if (status.type === "error") print({ event: "error", error: String(status.error?.message ?? status.error) });
    if (["disconnect", "reconnect"].includes(status.type)) print({ event: "connection", status: status.type });
  }
}

watchConnection().catch(complain("connection"));
await announce();
watchPresence().catch(complain("presence watch"));
const heartbeat = setInterval(() => announce().catch(complain("heartbeat")), HEARTBEAT_MS);
const durables = [
  ["channel", `CHAT_${space}`, `chat_${id}`],
  ["dm", `DM_${space}`, `dm_${id}`],
  ...(role ? [["anycast", `TASK_${space}`, `svc_${role}`]] : []),
];
for (const [kind, stream, durable] of durables) {
  const run = await receive(kind, stream, durable);
  run().catch(complain(durable));
}
print({ event: "ready", id });

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== "" && !(await obey(line))) break;
}
clearInterval(heartbeat);
own = { ...own, status: "offline" };
await announce().catch(complain("last presence"));
await nc.drain();
process.exit(0);
