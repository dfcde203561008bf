"""Makes tests/golden/events.tfevents with TensorBoard's own record writer and protobufs, and
reads it back with TensorBoard's loader. Needs `pip install tensorboard` (made with 2.21.0).

Usage: events.py write FILE   write the golden file
       events.py read FILE    print what TensorBoard finds in an event file, as JSON lines
"""
import json
import sys

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def write(path):
    events = [Event(wall_time=0, step=0, file_version="brain.Event:2")]
    for step, values in [(3, [("train/loss", 1.5), ("ü", -0.25)]), (70000, [("train/loss", 0.1)])]:
        summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values])
        events.append(Event(wall_time=step, step=step, summary=summary))
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            data = event.SerializeToString()
            writer.write(data)


def read(path):
    for event in LegacyEventFileLoader(path).Load():
        values = {v.tag: v.simple_value for v in event.summary.value}
        print(json.dumps({"step": event.step, "version": event.file_version, "values": values}))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
