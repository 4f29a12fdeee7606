#!/usr/bin/env node
// Submits a job over RabbitMQ and follows it until it rests.  AMQP_URL=amqp://... node submit.js TARGET  (npm install amqplib)
const amqp = require("amqplib");
const spec = { name: "track-seconds", change: [{ // the keys of the TOML file
  kind: "add_column", table: "track", column: "seconds", type: "integer", up: "milliseconds / 1000" }] };

async function main(target, submission = require("crypto").randomUUID()) {
  const channel = await (await amqp.connect(process.env.AMQP_URL)).createConfirmChannel();
  const { queue: mine } = await channel.assertQueue("", { exclusive: true }); // answers and events, from before the submission on
  await channel.bindQueue(mine, "sluice.jobs", target);
  channel.on("return", () => stop(1, "no planner has ever listened on this broker"));
  let job;
  await channel.consume(mine, ({ properties, content }) => {
    const message = JSON.parse(content);
    if (properties.correlationId === submission) {
      if (message.body.outcome === "refused") stop(1, "refused:\n  " + message.body.errors.join("\n  "));
      job = message.body.job;
      console.log("job", job);
    } else if (message.job === job) {
      console.log(message.body.state, message.body.reason ?? "");
      if (["verified", "flipped", "done", "held", "rolled-back"].includes(message.body.state)) stop(0);
    }
  }, { noAck: true });
  const body = { target, spec, submitted_by: "submit.js" };
  channel.publish("sluice.submissions", "sluice.submit", Buffer.from(JSON.stringify({
    id: submission, version: 1, kind: "job.submit", target, attempt: 1, sent_at: new Date().toISOString(), body, // the same id again: the same job
  })), { replyTo: mine, correlationId: submission, persistent: true, mandatory: true });
  await channel.waitForConfirms();
}

function stop(code, why) {
  if (why) console.error(why);
  process.exit(code);
}

main(...process.argv.slice(2)).catch((error) => stop(1, String(error)));
