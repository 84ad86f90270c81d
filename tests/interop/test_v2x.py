"""V2X sensors of 0.9.16: cooperative awareness messages between vehicles, texts of clients; who hears them, and when."""
import math
import queue

import carla
from common import check, connect, main, near, synchronous

DELTA = 0.05


def radio(world, kind, parent, **attributes):
    bp = world.get_blueprint_library().find('sensor.other.' + kind)
    for k, v in attributes.items():
        bp.set_attribute(k, str(v))
    sensor, q = world.spawn_actor(bp, carla.Transform(carla.Location(z=1.5)), attach_to=parent), queue.Queue()
    sensor.listen(q.put)
    return sensor, q


def drain(q):
    events = []
    while not q.empty():
        events.append(q.get())
    return events


def blueprints(library):
    v2x, custom = ({a.id: a for a in library.find('sensor.other.' + k)} for k in ('v2x', 'v2x_custom'))
    want = {'transmit_power': '21.5', 'receiver_sensitivity': '-99.0', 'frequency_ghz': '5.9', 'combined_antenna_gain': '10.0',
            'scenario': 'highway', 'path_loss_model': 'winner', 'path_loss_exponent': '2.7', 'd_ref': '1.0', 'filter_distance': '500.0',
            'use_etsi_fading': 'true', 'custom_fading_stddev': '0.0', 'noise_seed': '0', 'sensor_tick': '0.0'}
    cam = {'gen_cam_min': '0.1', 'gen_cam_max': '1.0', 'fixed_rate': 'false', 'noise_head_bias': '0.0', 'noise_vel_stddev_x': '0.0'}
    for name, got, values in (('v2x', v2x, dict(want, **cam)), ('v2x_custom', custom, want)):
        wrong = {k: v for k, v in values.items() if k not in got or got[k].recommended_values[0] != v}
        check('%s: attributes' % name, not wrong, wrong)
    check('v2x_custom has none of a CAM', not set(cam) & set(custom), set(custom))


def awareness(world, ego, other):
    mine, heard = radio(world, 'v2x', ego, use_etsi_fading='false')
    theirs, _ = radio(world, 'v2x', other, use_etsi_fading='false', fixed_rate='true', gen_cam_min='0.2', transmit_power='20')
    other.enable_constant_velocity(carla.Vector3D(6, 0, 0))
    other.set_light_state(carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.RightBlinker))
    town = world.get_map()
    poses = {}
    for i in range(41):
        frame = world.tick()
        poses[frame] = (ego.get_transform(), other.get_transform(), other.get_velocity())
    events = drain(heard)
    check('an event for each message', 9 <= len(events) <= 11, len(events))
    steps = {b.frame - a.frame for a, b in zip(events, events[1:])}
    check('every fourth frame by gen_cam_min', steps == {4}, steps)
    check('one message an event', all(e.get_message_count() == 1 for e in events))
    event = events[-1]
    data = list(event)[0]
    here, there, velocity = poses[event.frame]
    distance = here.location.distance(there.location)
    loss = 32.4 + 20 * math.log10(distance) + 20 * math.log10(5.9)
    check('received power by free sight', near(data.power, 20 + 10 - loss, 0.3), (data.power, 30 - loss))
    message = data.get()
    header, cam = message['Message']['Header'], message['Message']['Message']['CAM Parameters']
    check('station is the vehicle', header['Station ID'] == other.id and header['Message ID'] == 'CAM', header)
    basic, high = cam['Basic Container'], cam['High Frequency Container']['Basic Vehicle Container High Frequency']
    position = basic['Reference Position']
    geo = town.transform_to_geolocation(there.location)
    check('its place', near(position['Latitude'] * 1e-7, geo.latitude, 1e-6) and near(position['Longitude'] * 1e-7, geo.longitude, 1e-6),
          (position, geo.latitude, geo.longitude))
    check('a passenger car', basic['Station Type'] == 'Passenger Car', basic)
    heading = (there.rotation.yaw + 90) % 360
    check('heading from north', near(high['Heading']['Value'] * 0.1, heading, 0.11), (high['Heading'], heading))
    check('speed', near(high['Speed']['Value'] * 0.01, velocity.length(), 0.02), (high['Speed'], velocity.length()))
    size = other.bounding_box.extent
    check('length and width', high['Vehicle Length']['Value'] == round(20 * size.x) and high['Vehicle Width'] == round(20 * size.y), high)
    check('acceleration with gravity, as CARLA tells it', high['Vertical Acceleration']['Value'] == 98, high['Vertical Acceleration'])
    lows = [list(e)[0].get()['Message']['Message']['CAM Parameters']['Low Frequency Container'] for e in events]
    some = [l for l in lows if 'No Container Present' not in repr(l)]
    check('role and lights every 0.5 s', 3 <= len(some) <= 5, lows)
    lit = [l['Basic Vehicle Low Frequency']['Exterior Light'] for l in some]
    check('low beam and right indicator are on', lit and lit[-1] == 128 + 16, lit)
    for s in (mine, theirs):
        s.stop()
        s.destroy()
    other.disable_constant_velocity()


def range_and_sight(world, ego, other):
    for name, attributes, hears in (('in range', {}, True), ('filtered by distance', {'filter_distance': 5}, False),
                                    ('too weak', {'receiver_sensitivity': -20}, False)):
        mine, heard = radio(world, 'v2x', ego, use_etsi_fading='false', **attributes)
        theirs, _ = radio(world, 'v2x', other)
        for i in range(30):
            world.tick()
        check('%s: %s' % (name, 'heard' if hears else 'silence'), (len(drain(heard)) > 0) == hears)
        for s in (mine, theirs):
            s.stop()
            s.destroy()


def texts(world, ego, other):
    mine, heard = radio(world, 'v2x_custom', ego)
    theirs, echo = radio(world, 'v2x_custom', other)
    for i in range(3):
        world.tick()
    check('nothing without a message', not drain(heard) and not drain(echo))
    theirs.send('Grüße from %d' % other.id)
    frame = world.tick()
    world.tick()
    events = drain(heard)
    if check('heard once, in the next tick', len(events) == 1 and events[0].frame == frame, [e.frame for e in events]):
        data = list(events[0])[0]
        check('word for word', 'Grüße from %d' % other.id in repr(data.get()) or 'from %d' % other.id in str(data.get()), data.get())
        check('with a power', -99 <= data.power <= 31.5, data.power)
    check('not by who sent it', not drain(echo))
    for s in (mine, theirs):
        s.stop()
        s.destroy()


def run(server, version):
    client = connect(server)
    world = client.get_world()
    library = world.get_blueprint_library()
    if version < '0.9.16':
        check('no V2X before 0.9.16', not library.filter('sensor.other.v2x*'))
        return
    synchronous(world, DELTA)
    blueprints(library)
    start = world.get_map().get_spawn_points()[0]
    ego = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), start)
    ahead = world.get_map().get_waypoint(start.location).next(20.0)[0].transform
    ahead.location.z += 0.5
    other = world.spawn_actor(library.find('vehicle.audi.tt'), ahead)
    for i in range(20):
        world.tick()
    awareness(world, ego, other)
    range_and_sight(world, ego, other)
    texts(world, ego, other)
    for a in (other, ego):
        check('destroyed %s' % a.type_id, a.destroy())


main(run)
