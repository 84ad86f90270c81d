#!/usr/bin/env python3
"""record.py LANELOOP VERSION: append to official.jsonl what the released client of that version sends, each function with each set of
arguments below once, and for 0.9.16 to v2x.jsonl two messages that it has read. Run with a Python that has `carla` VERSION (README.md).

A relay between the client and `laneloop serve` copies the bytes of the RPC port. It is a process of its own: the client holds the
interpreter's lock while it waits."""
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import traceback

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, '..', '..', 'interop'))
sys.path.insert(0, here)


def unpack(b, i=0):
    """One msgpack value from b[i:]; IndexError when it is not all there."""
    def take(n):
        nonlocal i
        if i + n > len(b):
            raise IndexError
        i += n
        return b[i - n:i]

    def value():
        c = take(1)[0]
        if c <= 0x7f or c >= 0xe0:
            return c if c <= 0x7f else c - 256
        numbers = {0xca: '>f', 0xcb: '>d', 0xcc: '>B', 0xcd: '>H', 0xce: '>I', 0xcf: '>Q', 0xd0: '>b', 0xd1: '>h', 0xd2: '>i', 0xd3: '>q'}
        if c in numbers:
            return struct.unpack(numbers[c], take(struct.calcsize(numbers[c])))[0]
        if c in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[c]
        lengths = {0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4}
        n = int.from_bytes(take(lengths[c]), 'big') if c in lengths else c & (31 if c >= 0xa0 else 15)
        if 0x90 <= c <= 0x9f or c in (0xdc, 0xdd):
            return [value() for _ in range(n)]
        return take(n)

    return value(), i


def relay(server_port, stream_port, log, ready):
    """Forward connections; write requests to log; tell the client that stream `stream_port[0]` is on port `stream_port[1]`."""
    listener = socket.create_server(('127.0.0.1', 0))
    ready(listener.getsockname()[1])

    def pump(a, b, requests):
        held = b''
        while True:
            got = a.recv(1 << 16)
            if not got:
                return
            if not requests and stream_port:
                token = struct.pack('<I', stream_port[0])
                at = got.find(b'\x91\xc4\x18' + token)
                if at >= 0:
                    got = got[:at + 7] + struct.pack('<H', stream_port[1]) + got[at + 9:]
            b.sendall(got)
            held += got if requests else b''
            while held:
                try:
                    message, end = unpack(held)
                except IndexError:
                    break
                os.write(log, (json.dumps([message[2].decode(), held[:end].hex()]) + '\n').encode())
                held = held[end:]

    while True:
        client, _ = listener.accept()
        server = socket.create_connection(('127.0.0.1', server_port))
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pump, args=(client, server, True), daemon=True).start()
        threading.Thread(target=pump, args=(server, client, False), daemon=True).start()


# --- V2X: the layout that the client's debug information shows, filled with numbers that all differ ---------------------------
CAM = [('power', 'f'), ('header.protocol_version', 'q'), ('header.message_id', 'q'), ('header.station_id', 'q'),
       ('generation_delta_time', 'q'), ('station_type', 'q'), ('latitude', 'q'), ('longitude', 'q'), ('semi_major_confidence', 'q'),
       ('semi_minor_confidence', 'q'), ('semi_major_orientation', 'q'), ('altitude', 'qq'), ('high_frequency_present', 'q'),
       ('heading', 'qq'), ('speed', 'qq'), ('drive_direction', 'q'), ('vehicle_length', 'qq'), ('vehicle_width', 'q'),
       ('longitudinal_acceleration', 'qq'), ('curvature', 'qq'), ('curvature_calculation_mode', 'q'), ('yaw_rate', 'qq'),
       ('has_acceleration_control', '?'), ('acceleration_control', 'B'), ('has_lane_position', '?'), ('lane_position', 'q'),
       ('has_steering_wheel_angle', '?'), ('steering_wheel_angle', 'qq'), ('has_lateral_acceleration', '?'),
       ('lateral_acceleration', 'qq'), ('has_vertical_acceleration', '?'), ('vertical_acceleration', 'qq'),
       ('has_performance_class', '?'), ('performance_class', 'q'), ('has_tolling_zone', '?'), ('tolling_zone_latitude', 'q'),
       ('tolling_zone_longitude', 'q'), ('tolling_zone_id', 'q'), ('has_tolling_zone_id', '?'), ('protected_zone_count', 'q'),
       ('vector_1', '24x'), ('low_frequency_present', 'q'), ('vehicle_role', 'q'), ('exterior_lights', 'B'), ('path_point_count', 'q'),
       ('vector_2', '24x')]
FIXED = {'power': -60.5, 'high_frequency_present': 1, 'low_frequency_present': 1, 'path_point_count': 0, 'protected_zone_count': 0,
         'header.message_id': 2, 'station_type': 5, 'drive_direction': 0, 'vehicle_role': 0, 'acceleration_control': 0x60,
         'exterior_lights': 0xc0, 'lane_position': 2, 'performance_class': 1, 'curvature_calculation_mode': 0}


def cam():
    """The packed message and its fields by the names of sim/wire/sensor.h."""
    out, fields, n = b'', {}, 100
    for name, kind in CAM:
        align = 8 if 'q' in kind or 'x' in kind else 4 if kind == 'f' else 1
        out += b'\0' * (-len(out) % align)
        if 'x' in kind:
            out += struct.pack(kind)
            continue
        values = [FIXED[name]] if name in FIXED else [True] if kind == '?' else [n + 7 * i for i in range(len(kind))]
        n += 10
        out += struct.pack('<' + kind, *values)
        if '.' in name:
            outer, inner = name.split('.')
            fields.setdefault(outer, {})[inner] = values[0]
        else:
            fields[name] = dict(zip(('value', 'confidence'), values)) if kind == 'qq' else values[0]
    assert len(out) == 464
    return out, fields


def frame(sensor_type, payload):
    body = struct.pack('<QQd6f', sensor_type, 77, 1.25, 1, 2, 3, 4, 5, 6) + payload
    return struct.pack('<I', len(body)) + body


def text_message():
    return struct.pack('<f4xqqq100s4x', -33.25, 2, 10, 4711, b'hello from the road side')


def check(fields, said):
    """Every value that the client prints as it is must be in what it said of the message."""
    for name, v in fields.items():
        v = v['value'] if isinstance(v, dict) and 'value' in v else v
        shown = not isinstance(v, (bool, dict)) and not name.endswith(('_present', '_type', '_count', '_role')) and 'semi_' not in name
        if shown and name != 'altitude' and str(v) not in said:
            raise RuntimeError('%s %s is not in what the client read: %s' % (name, v, said))


def serve_stream(listener, messages):
    while True:
        s, _ = listener.accept()
        s.recv(4, socket.MSG_WAITALL)
        s.sendall(b''.join(messages))


def main():
    program, version = sys.argv[1], sys.argv[2]
    newest = version == '0.9.16'
    from common import Server
    server = Server(program, '--carla-version', version)
    stream_listener = socket.create_server(('127.0.0.1', 0))
    fake_stream = 900  # no stream of the server
    log_path = os.path.join(os.environ.get('TMPDIR', '/tmp'), 'record-%d.log' % os.getpid())
    ready, write = os.pipe()
    cam_bytes, cam_fields = cam()
    messages = [frame(20, cam_bytes), frame(21, text_message())]
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        threading.Thread(target=serve_stream, args=(stream_listener, messages), daemon=True).start()
        log = os.open(log_path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        # The camera below is the server's third stream at most; its place is given as the listener above.
        relay(server.port, (3, stream_listener.getsockname()[1]) if newest else None, log, lambda p: os.write(write, b'%d\n' % p))
    port = int(os.fdopen(ready).readline())
    try:
        import client_calls
        heard = client_calls.run(port, version)
        time.sleep(0.3)
        seen, rows = set(), []
        for line in open(log_path):
            method, message = json.loads(line)
            key = (method, message[message.index(method.encode().hex()):])
            if key not in seen and len(message) < 6000:
                seen.add(key)
                rows.append({'method': method, 'version': int(version.split('.')[2]), 'request': message})
        path = os.path.join(here, 'official.jsonl')
        kept = [r for r in map(json.loads, open(path)) if r['version'] != rows[0]['version']] if os.path.exists(path) else []
        with open(path, 'w') as f:
            for r in sorted(kept + rows, key=lambda r: (r['version'], r['method'])):
                f.write(json.dumps(r, separators=(',', ':')) + '\n')
        print(len(rows), 'requests of', len({r['method'] for r in rows}), 'functions')
        if newest:
            check(cam_fields, str(heard[0]))
            check({'power': -33.25, 'station': 4711, 'message': 'hello from the road side'}, str(heard[1]))
            with open(os.path.join(here, 'v2x.jsonl'), 'w') as f:
                for name, message, fields in (('v2x', messages[0], cam_fields),
                                              ('v2x custom', messages[1], {'power': -33.25, 'message': 'hello from the road side'})):
                    f.write(json.dumps({'name': name, 'hex': message.hex(), 'messages': [fields]}, separators=(',', ':')) + '\n')
        status = 0
    except Exception:
        traceback.print_exc()
        status = 1
    os.kill(child, 9)
    os.unlink(log_path)
    sys.stdout.flush()
    os._exit(status)  # the client keeps threads that may outlast the interpreter's end


if __name__ == '__main__':
    main()
