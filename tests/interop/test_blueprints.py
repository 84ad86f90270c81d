"""Every blueprint of the library spawns with the attributes that were asked for, is seen by everyone, and is destroyed."""
import carla
from common import check, connect, main, near, synchronous


def value(attribute):
    """An attribute of a blueprint as its type says."""
    kind = attribute.type
    if kind == carla.ActorAttributeType.Bool:
        return attribute.as_bool()
    if kind == carla.ActorAttributeType.Int:
        return attribute.as_int()
    if kind == carla.ActorAttributeType.Float:
        return attribute.as_float()
    if kind == carla.ActorAttributeType.RGBColor:
        color = attribute.as_color()
        return '%d,%d,%d' % (color.r, color.g, color.b)
    return attribute.as_str()


def same(wanted, text):
    if isinstance(wanted, bool):
        return text.lower() == str(wanted).lower()
    if isinstance(wanted, (int, float)):
        return near(wanted, float(text), 1e-5 * max(1, abs(wanted)))
    return wanted == text


def choose(bp):
    """The last recommended value of every attribute that has some."""
    for attribute in bp:
        if attribute.is_modifiable and len(attribute.recommended_values) > 1:
            bp.set_attribute(attribute.id, attribute.recommended_values[-1])


def run(server, version):
    client = connect(server)
    world = client.get_world()
    library = world.get_blueprint_library()
    ids = [bp.id for bp in library]
    check('identifiers are unique', len(set(ids)) == len(ids), len(ids))
    families = ('vehicle.', 'walker.pedestrian.', 'sensor.camera.', 'sensor.other.', 'static.prop.', 'controller.ai.walker')
    for family in families:
        check('library has %s*' % family, any(i.startswith(family) for i in ids))
    check('tags are the parts of the identifier', all(set(bp.id.split('.')) <= set(bp.tags) for bp in library))
    synchronous(world)
    points = world.get_map().get_spawn_points()
    above = carla.Transform(points[1].location + carla.Location(z=100), points[1].rotation)
    car = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), points[0])
    walker = world.spawn_actor(library.filter('walker.pedestrian.*')[0], carla.Transform(points[0].location + carla.Location(z=50)))
    world.tick()
    failures = {'spawned': [], 'type': [], 'attributes': [], 'parent': [], 'snapshot': [], 'destroyed': [], 'gone': []}
    for bp in library:
        choose(bp)
        wanted = {a.id: value(a) for a in bp}
        parent = car if bp.id.startswith('sensor.') else walker if bp.id.startswith('controller.') else None
        actor = world.try_spawn_actor(bp, above if parent is None else carla.Transform(carla.Location(z=3)), parent)
        if actor is None:
            failures['spawned'].append(bp.id)
            continue
        world.tick()
        if actor.type_id != bp.id:
            failures['type'].append((bp.id, actor.type_id))
        wrong = [k for k, v in wanted.items() if k not in actor.attributes or not same(v, actor.attributes[k])]
        if wrong:
            failures['attributes'].append((bp.id, wrong))
        if (actor.parent.id if actor.parent else 0) != (parent.id if parent else 0):
            failures['parent'].append(bp.id)
        if not world.get_snapshot().has_actor(actor.id) or world.get_actor(actor.id) is None:
            failures['snapshot'].append(bp.id)
        if not actor.destroy():
            failures['destroyed'].append(bp.id)
        world.tick()
        if world.get_snapshot().has_actor(actor.id):
            failures['gone'].append(bp.id)
    for what, bad in failures.items():
        check('all %d blueprints: %s' % (len(ids), what), not bad, bad[:5])

    # what must be refused
    bp = library.find('sensor.camera.rgb')
    try:
        bp.set_attribute('image_size_x', 'wide')
        world.spawn_actor(bp, above)
        check('an image as wide as a word is refused', False)
    except (RuntimeError, ValueError):
        check('an image as wide as a word is refused', True)
    bp = library.find('sensor.camera.rgb')
    bp.set_attribute('image_size_x', '-5')
    check('an image of negative width is refused', world.try_spawn_actor(bp, above) is None)
    for actor in (walker, car):
        check('destroyed %s' % actor.type_id, actor.destroy())
    try:
        check('destroying twice is refused', not car.destroy())
    except RuntimeError as e:
        check('destroying twice is refused', 'destroyed' in str(e), e)


main(run)
