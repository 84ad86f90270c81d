#!/usr/bin/env python3
"""Writes two_cars.log: a recording in CARLA's format (documented at carla.readthedocs.io, "Recorder binary file format"), by hand and
independently of sim/town/recorder.c: a hero and a second car, three frames of 0.5 s, a collision in the second, the second car
destroyed in the third, and a packet of an id that no release uses. Usage: tests/golden/recording/make.py > .../two_cars.log"""
import struct
import sys


def text(s):
    return struct.pack('<H', len(s)) + s.encode()


def packet(number, *records, count=True):
    body = (struct.pack('<H', len(records)) if count else b'') + b''.join(records)
    return struct.pack('<BI', number, len(body)) + body


def add(actor, kind, x, y, yaw, name, **attributes):
    head = struct.pack('<IB6fI', actor, kind, x, y, 50, 0, 0, yaw, 0) + text(name) + struct.pack('<H', len(attributes))
    return head + b''.join(struct.pack('<B', 3) + text(k) + text(v) for k, v in attributes.items())


def position(actor, x, y, yaw):
    return struct.pack('<I6f', actor, x, y, 50, 0, 0, yaw)


def frame(number, elapsed, *packets):
    start = packet(0, struct.pack('<Qdd', number, 0.5 if number < 3 else -1, elapsed), count=False)
    return start + b''.join(packets) + packet(1, count=False)


out = struct.pack('<H', 1) + text('CARLA_RECORDER') + struct.pack('<q', 1700000000) + text('Carla/Maps/training_loop')
out += frame(1, 0.0,
             packet(2, add(24, 1, 1000, 2000, 0, 'vehicle.tesla.model3', role_name='hero', color='255,0,0'),
                    add(25, 1, 3000, 2000, 170, 'vehicle.audi.tt', role_name='autopilot')),
             packet(3), packet(4), packet(5), packet(6, position(24, 1000, 2000, 0), position(25, 3000, 2000, 170)),
             packet(8, struct.pack('<I3f?i', 24, 0.25, 0.5, 0, False, 1)))
out += frame(2, 0.5, packet(5, struct.pack('<III??', 0, 24, 25, True, False)), packet(99, b'of the future', count=False),
             packet(6, position(24, 1500, 2000, 10), position(25, 2900, 2000, -170)))
out += frame(3, 1.0, packet(3, struct.pack('<I', 25)), packet(6, position(24, 2000, 2000, 20)))
sys.stdout.buffer.write(out)
