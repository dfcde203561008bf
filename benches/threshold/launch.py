"""Runs a command and prints its `wall` seconds, its `peak` bytes and what it said as one line of JSON.

A process inherits the peak of the one that starts it, and the bench holds arrays of gigabytes; this one is small.
"""
import json
import os
import subprocess
import sys
import time

began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
text = process.stdout.read()
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - began
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"wall": wall, "peak": 1024 * usage.ru_maxrss, "code": code, "said": text.decode()}))
