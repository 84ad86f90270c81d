#!/usr/bin/env python3
"""Seeds for fuzz_rpc and fuzz_stream from tests/golden/wire: byte 0 is the release (3 = 0.9.16), then a message."""
import json, os

here = os.path.dirname(os.path.abspath(__file__))
golden = os.path.join(here, '..', 'wire')


def write(target, name, data):
    os.makedirs(os.path.join(here, target), exist_ok=True)
    open(os.path.join(here, target, name), 'wb').write(data)


seen = set()
for line in open(os.path.join(golden, 'sessions.jsonl')):
    row = json.loads(line)
    name = row['method']
    if name in seen or len(row['request']) > 1200:
        continue
    seen.add(name)
    if name in ('apply_batch', 'spawn_actor', 'spawn_actor_with_parent', 'apply_physics_control', 'set_episode_settings', 'draw_debug_shape',
                'set_weather_parameters', 'apply_control_to_vehicle', 'update_lights_state', 'set_bones_transform', 'get_bones_transform', 'version', 'cast_ray', 'load_new_episode'):
        write('fuzz_rpc', 'call_' + name, b'\3' + bytes.fromhex(row['request']))
        if 'reply' in row and len(row['reply']) < 1200:
            write('fuzz_rpc', 'reply_' + name, b'\3' + bytes.fromhex(row['reply']))
write('fuzz_rpc', 'bomb', b'\3\xdd\x10\0\0\0')
for line in list(open(os.path.join(golden, 'sensors.jsonl'))) + list(open(os.path.join(golden, 'v2x.jsonl'))):
    row = json.loads(line)
    write('fuzz_stream', row['name'].replace(' ', '_').replace('/', '_'), b'\3' + bytes.fromhex(row['hex']))
