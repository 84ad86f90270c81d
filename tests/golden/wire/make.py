#!/usr/bin/env python3
"""make.py VECTORS: write values.jsonl, calls.jsonl and sensors.jsonl from a folder of recorded CARLA vectors (README.md)."""
import json, os, struct, sys

src = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))


def load(name):
    return json.load(open(os.path.join(src, name)))


# --- a msgpack reader and writer that keep the wire types, to append 0.9.16's actor id to bounding boxes -----------------------
class Raw(bytes):
    """A scalar, kept as its bytes."""


def read(b, i=0):
    c = b[i]
    n = {0xc0: 1, 0xc2: 1, 0xc3: 1, 0xca: 5, 0xcb: 9, 0xcc: 2, 0xcd: 3, 0xce: 5, 0xcf: 9, 0xd0: 2, 0xd1: 3, 0xd2: 5, 0xd3: 9}
    if c <= 0x7f or c >= 0xe0:
        return Raw(b[i:i + 1]), i + 1
    if c in n:
        return Raw(b[i:i + n[c]]), i + n[c]
    if 0xa0 <= c <= 0xbf:
        return Raw(b[i:i + 1 + (c & 31)]), i + 1 + (c & 31)
    if c in (0xc4, 0xd9):
        return Raw(b[i:i + 2 + b[i + 1]]), i + 2 + b[i + 1]
    if c in (0xc5, 0xda):
        size = struct.unpack('>H', b[i + 1:i + 3])[0]
        return Raw(b[i:i + 3 + size]), i + 3 + size
    if 0x90 <= c <= 0x9f:
        count, i = c & 15, i + 1
    elif c == 0xdc:
        count, i = struct.unpack('>H', b[i + 1:i + 3])[0], i + 3
    else:
        raise ValueError('type byte %02x' % c)
    out = []
    for _ in range(count):
        v, i = read(b, i)
        out.append(v)
    return out, i


def write(v):
    if isinstance(v, Raw):
        return bytes(v)
    head = bytes([0x90 | len(v)]) if len(v) < 16 else b'\xdc' + struct.pack('>H', len(v))
    return head + b''.join(map(write, v))


def three_floats(v):
    return isinstance(v, list) and len(v) == 3 and all(isinstance(x, Raw) and x[0] == 0xca for x in v)


def with_box_ids(v):
    """[location, extent, rotation] -> the same with actor id 0."""
    if isinstance(v, Raw):
        return v
    if len(v) == 3 and all(map(three_floats, v)):
        return v + [Raw(b'\0')]
    return [with_box_ids(x) for x in v]


def newer(hexes):
    tree, end = read(bytes.fromhex(hexes))
    assert end == len(hexes) // 2
    return write(with_box_ids(tree)).hex()


# --- field names as in sim/wire/types.h ------------------------------------------------------------------------------------
COMMANDS = ['spawn_actor', 'destroy_actor', 'vehicle_control', 'ackermann_control', 'walker_control', 'vehicle_physics', 'transform',
            'walker_state', 'target_velocity', 'target_angular_velocity', 'impulse', 'force', 'angular_impulse', 'torque',
            'simulate_physics', 'enable_gravity', 'autopilot', 'show_debug_telemetry', 'vehicle_light_state', 'location', 'console',
            'traffic_light_state']
CARLA_COMMANDS = ['SpawnActor', 'DestroyActor', 'ApplyVehicleControl', 'ApplyVehicleAckermannControl', 'ApplyWalkerControl',
                  'ApplyVehiclePhysicsControl', 'ApplyTransform', 'ApplyWalkerState', 'ApplyTargetVelocity',
                  'ApplyTargetAngularVelocity', 'ApplyImpulse', 'ApplyForce', 'ApplyAngularImpulse', 'ApplyTorque',
                  'SetSimulatePhysics', 'SetEnableGravity', 'SetAutopilot', 'ShowDebugTelemetry', 'SetVehicleLightState',
                  'ApplyLocation', 'ConsoleCommand', 'SetTrafficLightState']
SHAPES = ['point', 'line', 'arrow', 'box', 'text', 'hud_point', 'hud_line', 'hud_arrow', 'hud_box']
VECTORS = ('velocity', 'angular_velocity', 'impulse', 'force', 'torque', 'location')


def token(hexes):
    stream, port, protocol, kind = struct.unpack('<IHBB', bytes.fromhex(hexes)[:8])
    address = bytes.fromhex(hexes)[8:].split(b'\0')[0].decode('latin-1')
    return {'stream_id': stream, 'port': port, 'protocol': protocol, 'address_type': kind, 'address': address}


def command(index, f):
    f = {k: v for k, v in f.items() if k != 'variant_index'}
    name = COMMANDS[index]
    if name == 'spawn_actor':
        f['attachment'] = f.pop('attachment_type', 0)
        f['socket_name'] = f.get('socket_name', '')
        f['do_after'] = [command(CARLA_COMMANDS.index(k), v) for d in f['do_after'] for k, v in d.items()]
    elif name in ('target_velocity', 'target_angular_velocity', 'impulse', 'force', 'angular_impulse', 'torque', 'location'):
        f = {'actor': f['actor'], 'vector': [f[k] for k in f if k in VECTORS][0]}
    elif 'enabled' in f:
        f['flag'] = f.pop('enabled')
    elif name == 'vehicle_physics':
        f['physics'] = f.pop('physics_control')
    elif name == 'vehicle_light_state':
        f['value'] = f.pop('light_state')
    elif name == 'traffic_light_state':
        f['value'] = f.pop('traffic_light_state')
    elif name == 'console':
        f = {'text': f['cmd']}
    return {'command': {name: f}}


def fix(v):
    """Names and forms that our types write differently; numbers beyond 2^53 become text."""
    if isinstance(v, list):
        return [fix(x) for x in v]
    if isinstance(v, int) and not isinstance(v, bool) and abs(v) > 1 << 53:
        return str(v)
    if not isinstance(v, dict):
        return v
    out = {}
    for k, x in v.items():
        if k == 'semantic_tags':
            out[k] = bytes(x).hex()
        elif k == 'stream_token_hex':
            out['stream_token'] = x
        elif k == 'token':
            out[k] = {'data': token(x['data_hex'])}
        elif k == 'bounding_box' or k == 'box':
            out[k] = dict(fix(x), actor_id=0)
        elif k in ('self_actor', 'other_actor'):
            out[k[:-6]] = fix(x)
        else:
            out[k] = fix(x)
    return out


TYPES = {'Location': 'vector3', 'Vector3D': 'vector3', 'Vector2D': 'vector2', 'Rotation': 'rotation', 'Transform': 'transform',
         'BoundingBox': 'bounding_box', 'GeoLocation': 'geo_location', 'Token': 'token', 'Color': 'color', 'FloatColor': 'float_color',
         'ActorAttributeValue': 'attribute_value', 'ActorAttribute': 'attribute', 'ActorDescription': 'actor_description',
         'ActorDefinition': 'actor_definition', 'vector<ActorDefinition>': 'actor_definition_list', 'Actor': 'actor',
         'vector<Actor>': 'actor_list', 'EpisodeInfo': 'episode_info', 'EpisodeSettings': 'episode_settings', 'MapInfo': 'map_info',
         'WeatherParameters': 'weather', 'EnvironmentObject': 'environment_object', 'LabelledPoint': 'labelled_point',
         'pair<bool,LabelledPoint>': 'projection', 'OpendriveGenerationParameters': 'opendrive_parameters',
         'VehicleControl': 'vehicle_control', 'VehicleAckermannControl': 'ackermann_control',
         'AckermannControllerSettings': 'ackermann_settings', 'WalkerControl': 'walker_control', 'GearPhysicsControl': 'gear',
         'WheelPhysicsControl': 'wheel', 'VehiclePhysicsControl': 'vehicle_physics', 'VehicleTelemetryData': 'vehicle_telemetry',
         'LightState': 'street_light', 'vector<LightState>': 'street_light_list', 'VehicleLightState': 'light_flags',
         'Command': 'command', 'DebugShape': 'debug_shape', 'CommandResponse': 'outcome', 'vector<CommandResponse>': 'outcome_list',
         'uint32': 'u32', 'uint64': 'u64', 'int32': 'i32', 'int64': 'i64', 'uint16': 'u16', 'uint8': 'u8', 'float': 'f32',
         'double': 'f64', 'string': 'text', 'bool': 'flag'}

values, skipped = [], []
for name in ('rpc_scalars', 'rpc_basic', 'rpc_actors_episode', 'rpc_control', 'rpc_commands', 'rpc_debug_shapes',
             'rpc_older_versions_derived'):
    for e in load(name + '.json'):
        kind, f = TYPES.get(e['name'].split()[0]), e.get('fields')
        if not kind or 'hex' not in e or '...' in e['hex'] or (name == 'rpc_scalars' and isinstance(f, (dict, list))):
            skipped.append(e['name'])
            continue
        v = fix(f)
        if kind == 'command':
            v = fix(command(f['variant_index'] if 'variant_index' in f else 0, f))
        elif kind == 'token':
            v = {'data': token(f['data_hex'])}
        elif kind == 'bounding_box':
            v['actor_id'] = 0
        elif kind == 'projection':
            v = {'hit': f[0], 'point': f[1]}
        elif kind == 'outcome_list':
            v = [{'outcome': {'actor': 1}}, {'outcome': {'actor': 0}}] if e['hex'] == '929192010191920100' else None
        elif kind == 'outcome':
            v = {'outcome': {'actor': f['actor_id']} if 'actor_id' in f else {'error': {'message': f['error']}}}
        elif kind == 'debug_shape':
            shape = {k: x for k, x in v.items() if k not in ('variant_index', 'color', 'life_time', 'persistent_lines')}
            v = {'primitive': {SHAPES[f['variant_index']]: shape}, 'color': f['color'], 'life_time': f['life_time'],
                 'persistent_lines': f['persistent_lines']}
        elif isinstance(f, str) and kind not in ('text',):
            v = fix(int(f, 0)) if f.lstrip('-').isdigit() else None
        row = {'name': e['name'], 'type': kind, 'version': 15 if 'derived' in e else 16, 'hex': e['hex'], 'fields': v}
        out = newer(e['hex']) if row['version'] == 16 and 'Transform' not in e['name'] else e['hex']
        if out != e['hex']:
            row['out'] = out
        if row['version'] == 15:  # the derived rows carry 0.9.16 attribute numbers in an older command: decode only
            row['decode_only'] = True
            for k in ('attachment', 'socket_name'):
                v['command']['spawn_actor'].pop(k)
        values.append(row)

# --- calls: one of each distinct request, with its answer, from the recorded sessions -----------------------------------------
calls, seen = [], {}
for name in ('client_session_full', 'client_session_sync_server_with_files', 'client_session_traffic_manager_sync'):
    for step in load(name + '.json'):
        for c in step['calls']:
            if 'request_hex' not in c or '...' in c['request_hex'] or len(c['request_hex']) > 8000:
                continue
            key = (c['method'], c['params_hex'], c.get('result_hex'))
            if key in seen or seen.get(c['method'], 0) >= 4:
                continue
            seen[key] = 1
            seen[c['method']] = seen.get(c['method'], 0) + 1
            row = {'method': c['method'], 'request': c['request_hex']}
            reply = c.get('reply_hex')
            if reply and '...' not in reply and len(reply) < 12000:
                row['reply'] = reply
                out = newer(reply)
                if out != reply:
                    row['out'] = out
            calls.append(row)

# --- sensors ------------------------------------------------------------------------------------------------------------------
sensors = []
for e in load('sensor_messages.json'):
    if e['name'].startswith('v2x') or '...' in e['tcp_bytes_hex']:
        continue
    h = e['header']
    if h['sensor_type'] >= 16:  # the release put one more camera in front of these
        h['sensor_type'] += 1
        e['tcp_bytes_hex'] = e['tcp_bytes_hex'][:8] + '%02x' % h['sensor_type'] + e['tcp_bytes_hex'][10:]
    row = {'name': e['name'], 'hex': e['tcp_bytes_hex'],
           'header': {'sensor_type': h['sensor_type'], 'frame': str(h['frame']), 'timestamp': h['timestamp'],
                      'transform': h['sensor_transform']}, 'fields': fix(e['fields'])}
    if e['name'].startswith(('collision', 'obstacle')):
        row['out'] = newer(e['payload_hex'])
    sensors.append(row)


def dump(name, rows):
    with open(os.path.join(here, name), 'w') as f:
        for r in rows:
            f.write(json.dumps(r, separators=(',', ':')) + '\n')
    print(name, len(rows))


dump('values.jsonl', values)
dump('calls.jsonl', calls)
dump('sensors.jsonl', sensors)
print('not taken over:', ', '.join(skipped))
