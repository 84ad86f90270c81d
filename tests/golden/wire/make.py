#!/usr/bin/env python3
"""make.py VECTORS: write every .jsonl of this folder but official_*.jsonl from a folder of recorded CARLA vectors (README.md)."""
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
    if c in (0xc6, 0xdb):
        size = struct.unpack('>I', b[i + 1:i + 5])[0]
        return Raw(b[i:i + 5 + size]), i + 5 + size
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
        elif k in ('cos_inc_angle', 'object_idx'):
            out[{'cos_inc_angle': 'cos_incidence_angle', 'object_idx': 'object'}[k]] = x
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
         'double': 'f64', 'string': 'text', 'bool': 'flag', 'char': 'u8', 'float_infinity': 'f32', 'vector<uint32>': 'u32_list',
         'vector<uint8>': 'bytes', 'vector<string>': 'text_list', 'pair<string,uint16>': 'endpoint',
         'vector<pair<uint32,uint32>>': 'vehicle_light_list', 'optional<double>': 'optional_f64', 'optional<ActorId>': 'optional_u32',
         'Metadata': 'metadata', 'TrafficLightState': 'u8', 'AttachmentType': 'u8', 'ActorAttributeType': 'attribute_type',
         'MapLayer': 'u16', 'VehicleDoor': 'u8', 'VehicleWheelLocation': 'u8', 'CityObjectLabel': 'u8', 'MaterialParameter': 'u8',
         'TextureColor': 'texture', 'TextureFloatColor': 'float_texture', 'WalkerBoneControlIn': 'bones_in',
         'WalkerBoneControlOut': 'bones_out', 'vector<Command>': 'command_list'}

ENUMS = {'Red': 0, 'Yellow': 1, 'Green': 2, 'Off': 3, 'Unknown': 4, 'Rigid': 0, 'SpringArm': 1, 'SpringArmGhost': 2}


def plain(kind, f):
    """The fields of a value as wire_value_print writes them; None: not to be compared."""
    v = fix(f)
    if kind == 'token':
        return {'data': token(f['data_hex'])}
    if kind == 'bounding_box':
        v['actor_id'] = 0
    elif kind == 'bounding_box_list':
        v = [dict(x, actor_id=0) for x in v]
    elif kind == 'projection':
        v = {'hit': f[0], 'point': v[1]}
    elif kind == 'outcome':
        v = {'outcome': {'actor': f['actor_id']} if 'actor_id' in f else {'error': {'message': f['error']}}}
    elif kind == 'debug_shape':
        shape = {k: x for k, x in v.items() if k not in ('variant_index', 'color', 'life_time', 'persistent_lines')}
        v = {'primitive': {SHAPES[f['variant_index']]: shape}, 'color': f['color'], 'life_time': f['life_time'],
             'persistent_lines': f['persistent_lines']}
    elif kind == 'command_list':
        v = [fix(command(CARLA_COMMANDS.index(k), x)) for c in f for k, x in c.items()]
    elif kind in ('texture', 'float_texture'):
        v['pixels'] = [dict(zip('rgba', x)) for x in v.pop('pixels_rgba')]
    elif kind == 'bones_in':
        v = {'bone_transforms': [{'name': k, 'transform': x} for k, x in v['bone_transforms'].items()]}
    elif kind == 'endpoint':
        v = dict(zip(('host', 'port'), f))
    elif kind == 'vehicle_light_list':
        v = [dict(zip(('id', 'flags'), x)) for x in f]
    elif kind == 'metadata':
        v = {'asynchronous': f['asynchronous_call']}
    elif kind == 'attribute_type':
        v = {'type': 5}
    elif kind == 'f32' and f == 'Infinity':
        v = None
    elif f in ENUMS if isinstance(f, str) else False:
        v = ENUMS[f]
    elif isinstance(f, str) and kind != 'text':
        v = fix(int(f, 0)) if f.lstrip('-').isdigit() else ord(f[0]) if f.startswith('a as char') else None
    return v


values, skipped = [], []
for name in ('rpc_scalars', 'rpc_basic', 'rpc_actors_episode', 'rpc_control', 'rpc_commands', 'rpc_debug_shapes',
             'rpc_older_versions_derived'):
    for e in load(name + '.json'):
        kind, f = TYPES.get(e['name'].split()[0]), e.get('fields')
        if e.get('method') == 'spawn_actor_with_parent':  # arguments of a call: the shape that clients before 0.9.16 send
            values.append({'name': e['name'], 'method': e['method'], 'version': 15, 'hex': e['params_hex']})
            continue
        if not kind or 'hex' not in e:
            skipped.append(e['name'])
            continue
        if isinstance(f, dict) and 'fill' in f:  # all elements alike: a head, then so many of one byte
            one = {'text': lambda: '%02x' % ord(f['fill']), 'u32_list': lambda: '%02x' % f['fill'], 'bytes': lambda: '%02x' % f['fill']}[kind]()
            head = e['hex'][:(e['total_bytes'] - f['length']) * 2] if '...' in e['hex'] else e['hex'][:len(e['hex']) - 2 * f['length']]
            values.append({'name': e['name'] + ' of %d' % f['length'], 'type': kind, 'version': 16, 'hex': head, 'fill': one,
                           'count': f['length']})
            continue
        if kind == 'command':
            v = fix(command(f['variant_index'] if 'variant_index' in f else 0, f))
        elif kind == 'outcome_list':
            v = [{'outcome': {'actor': 1}}, {'outcome': {'actor': 0}}] if e['hex'] == '929192010191920100' else None
        else:
            v = plain(kind, f)
        hexes = e['hex']
        if kind == 'attribute_type':
            hexes = '91' + hexes  # wrapped in a struct of one field, as only fields have that kind
        row = {'name': e['name'], 'type': kind, 'version': 15 if 'derived' in e else 16, 'hex': hexes, 'fields': v}
        out = newer(hexes) if row['version'] == 16 and 'Transform' not in e['name'] else hexes
        if kind in ('bones_in', 'bones_out'):
            out = hexes  # three vectors in a row there are no bounding box
        if out != hexes:
            row['out'] = out
        if row['version'] == 15:  # the derived rows carry 0.9.16 attribute numbers in an older command: decode only
            row['decode_only'] = True
            for k in ('attachment', 'socket_name'):
                v['command']['spawn_actor'].pop(k)
        values.append(row)

# --- responses: the result of a function that answers that type ----------------------------------------------------------------
METHODS = {'string': ('version', 'text'), 'void': ('reset_all_traffic_lights', None), 'bool': ('destroy_actor', 'flag'),
           'uint64': ('tick_cue', 'u64'), 'float': ('get_wheel_steer_angle', 'f32'), 'Actor': ('get_spectator', 'actor'),
           'vector<Actor>': ('get_actors_by_id', 'actor_list'), 'vector<string>': ('get_available_maps', 'text_list'),
           'vector<uint8>': ('request_file', 'bytes'), 'Token': ('get_sensor_token', 'token'),
           'EpisodeInfo': ('get_episode_info', 'episode_info'), 'EpisodeSettings': ('get_episode_settings', 'episode_settings'),
           'VehicleLightState': ('get_vehicle_light_state', 'light_flags'),
           'Transform': ('get_actor_component_world_transform', 'transform'),
           'pair<string,uint16>': ('get_traffic_manager_running', 'endpoint'),
           'vector<BoundingBox>': ('get_all_level_BBs', 'bounding_box_list'),
           'vector<pair<ActorId,uint32>>': ('get_vehicle_light_states', 'vehicle_light_list')}
responses = []
for e in load('rpc_responses.json'):
    method, kind = METHODS[e['name'].split()[0][len('Response<'):-1]]
    row = {'name': e['name'], 'method': method, 'hex': e['hex']}
    f = e['fields']
    if 'error' in f:
        row['error'] = f['error']
    elif kind:
        row['fields'] = f['ok_bytes_hex'] if kind == 'bytes' else plain(kind, f['ok'])
    out = newer(e['hex'])
    if out != e['hex'] and kind != 'transform':
        row['out'] = out
    responses.append(row)

# --- traffic: CARLA's wrappers of rpclib with functions of their own, whole messages -------------------------------------------
traffic = []
for step in load('rpc_traffic.json'):
    open_calls = {}
    for m in step['messages']:
        if 'hex_begin' in m:  # 70,000 characters
            m['hex'] = m['hex_begin'][:m['hex_begin'].index('db') + 10] if 'db' in m['hex_begin'] else m['hex_begin']
            row = {'name': step['step'], 'request': m['hex'], 'fill': '78', 'count': 70000}
        elif 'hex' not in m:
            continue
        elif m['direction'] == 'client to server':
            row = {'name': step['step'], 'request': m['hex']}
        else:
            tree = json.loads('[' + m['msgpack'].split(',')[1] + ']')
            open_calls[tree[0]]['reply'] = m['hex']
            continue
        b = bytes.fromhex(m['hex'])
        open_calls[b[2] if b[1] == 0 else None] = row
        traffic.append(row)

# --- sessions: every call in order ---------------------------------------------------------------------------------------------
sessions = []
for name in ('full', 'sync_server_with_files', 'traffic_manager_async', 'traffic_manager_sync'):
    for step in load('client_session_%s.json' % name):
        for c in step['calls']:
            if 'request_hex' not in c:
                continue
            row = {'session': name, 'step': step['step'], 'method': c['method'], 'request': c['request_hex']}
            if c['method'] == 'draw_debug_shape' and newer(c['request_hex']) != c['request_hex']:
                row['request_out'] = newer(c['request_hex'])
            reply = c.get('reply_hex')
            if reply:
                row['reply'] = reply
                out = newer(reply)
                if out != reply:
                    row['out'] = out
            elif 'reply_begin_hex' in c:  # the text of a map
                row['begin'], row['bytes'] = c['reply_begin_hex'], c['reply_total_bytes']
            sessions.append(row)

# --- sensors ------------------------------------------------------------------------------------------------------------------
def released(hexes):
    """The release put one more camera in front of the numbers from 16 on."""
    number = int(hexes[8:10], 16)
    return hexes[:8] + '%02x' % (number + (number >= 16)) + hexes[10:]


sensors = []
for e in load('sensor_messages.json'):
    h = e['header']
    h['sensor_type'] += h['sensor_type'] >= 16
    row = {'name': e['name'], 'hex': released(e['tcp_bytes_hex']),
           'header': {'sensor_type': h['sensor_type'], 'frame': str(h['frame']), 'timestamp': h['timestamp'],
                      'transform': h['sensor_transform']}, 'fields': fix(e['fields'])}
    if e['name'].startswith(('collision', 'obstacle')):
        row['out'] = newer(e['payload_hex'])
    sensors.append(row)

# --- streams: what each connection of the full session carried, and the handshakes ---------------------------------------------
streams = []
for c in load('client_session_streams.json'):
    rows = []
    for m in c['messages']:
        row = {'hex': released(m['bytes_hex'])}
        if m['bytes_hex'][8:10] in ('00', '07'):  # collision, obstacle: boxes inside
            row['out'] = newer(m['bytes_hex'][104:])
        rows.append(row)
    streams.append({'name': 'connection %d' % c['connection'], 'join': c['client_sends_hex'], 'messages': rows})
for e in load('stream_handshake.json'):
    row = {'name': e['name']}
    if e.get('client_sends_hex'):
        row['join'] = e['client_sends_hex']
    if e.get('server_sends_hex'):
        row['frame'] = e['server_sends_hex']
    if 'token_first8_hex' in e:
        row['token'], row['stream_id'] = e['token_first8_hex'], e['stream_id']
    streams.append(row)


def dump(name, rows):
    with open(os.path.join(here, name), 'w') as f:
        for r in rows:
            f.write(json.dumps(r, separators=(',', ':')) + '\n')
    print(name, len(rows))


dump('values.jsonl', values)
dump('responses.jsonl', responses)
dump('traffic.jsonl', traffic)
dump('sessions.jsonl', sessions)
dump('sensors.jsonl', sensors)
dump('streams.jsonl', streams)
print('not taken over:', ', '.join(skipped))
