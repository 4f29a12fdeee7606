#!/usr/bin/env python3
"""Submits a job over RabbitMQ and follows it until it rests.  AMQP_URL=amqp://... python3 submit.py TARGET  (pip install pika)"""
import datetime, json, os, sys, uuid
import pika

SPEC = {"name": "track-seconds", "change": [{  # the keys of the TOML file
    "kind": "add_column", "table": "track", "column": "seconds", "type": "integer", "up": "milliseconds / 1000"}]}
target, submission = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(uuid.uuid4())
channel = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])).channel()
mine = channel.queue_declare("", exclusive=True).method.queue  # answers and events, from before the submission on
channel.queue_bind(mine, "sluice.jobs", routing_key=target)
channel.confirm_delivery()  # an exception if no queue takes it
channel.basic_publish("sluice.submissions", "sluice.submit", json.dumps({
    "id": submission, "version": 1, "kind": "job.submit", "target": target, "attempt": 1,  # the same id again: the same job
    "sent_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    "body": {"target": target, "spec": SPEC, "submitted_by": "submit.py"},
}), pika.BasicProperties(reply_to=mine, correlation_id=submission, delivery_mode=2), mandatory=True)
job = None
for _, properties, body in channel.consume(mine, auto_ack=True):
    message = json.loads(body)
    if properties.correlation_id == submission:
        if message["body"]["outcome"] == "refused":
            sys.exit("refused:\n  " + "\n  ".join(message["body"]["errors"]))
        job = message["body"]["job"]
        print("job", job, flush=True)
    elif message["job"] == job:
        print(message["body"]["state"], message["body"].get("reason", ""), flush=True)
        if message["body"]["state"] in ("verified", "flipped", "done", "held", "rolled-back"):
            break
