"""In the manner of CARLA's bounding_boxes.py: 3D boxes of the vehicles, projected on the picture, against the pixels of each vehicle."""
import math

import carla
import numpy
from common import camera, check, connect, main, pixels, synchronous, take

WIDTH, HEIGHT, FOV = 640, 320, 90


def projection():
    focal = WIDTH / (2 * math.tan(math.radians(FOV) / 2))
    return numpy.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]])


def to_picture(points, eye):
    """World points to (x, y, depth): Unreal's axes (x forward, y right, z up) to the picture's (x right, y down, z forward)."""
    inverse = numpy.array(eye.get_transform().get_inverse_matrix())
    out = []
    for p in points:
        x, y, z, _ = inverse @ numpy.array([p.x, p.y, p.z, 1.0])
        u, v, w = projection() @ numpy.array([y, -z, x])
        out.append((u / w, v / w, x) if x > 0.1 else None)
    return out


def run(server, version):
    client = connect(server)
    world = client.get_world()
    synchronous(world)
    library, town = world.get_blueprint_library(), world.get_map()
    start = town.get_spawn_points()[0]
    ego = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), start)
    waypoint, others = town.get_waypoint(start.location), []
    kinds = [library.find(k) for k in ('vehicle.tesla.model3', 'vehicle.audi.tt', 'vehicle.mini.cooper_s')]
    for i, bp in enumerate(kinds):
        there = waypoint.next(10.0 + 12 * i)[0].transform
        right = there.get_right_vector()
        side = (-2.2, 2.2, 0.0)[i]
        there.location += carla.Location(x=side * right.x, y=side * right.y, z=0.5)
        there.rotation.yaw += 25 * i
        others.append(world.spawn_actor(bp, there))
    where = carla.Transform(carla.Location(x=1.5, z=2.2))
    tags, tag_q = camera(world, 'semantic_segmentation', where, ego, WIDTH, HEIGHT)
    ids, id_q = camera(world, 'instance_segmentation', where, ego, WIDTH, HEIGHT)
    for i in range(20):
        frame = world.tick()
        tag_image, id_image = take(tag_q, frame), take(id_q, frame)
    tag, instance = pixels(tag_image), pixels(id_image)
    vehicle_tags = {int(t) for o in others for t in o.semantic_tags}
    check('boxes have a size', all(min(o.bounding_box.extent.x, o.bounding_box.extent.y, o.bounding_box.extent.z) > 0.3 for o in others))
    check('the picture shows vehicles', bool(numpy.isin(tag[:, :, 2], list(vehicle_tags)).any()), vehicle_tags)
    forward = ego.get_transform().get_forward_vector()
    for other in others:
        vertices = other.bounding_box.get_world_vertices(other.get_transform())
        seen = to_picture(vertices, tags)
        if not check('%s stands in front of the camera' % other.type_id, all(seen)):
            continue
        u, v = [p[0] for p in seen], [p[1] for p in seen]
        box = max(0, min(u)), max(0, min(v)), min(WIDTH, max(u)), min(HEIGHT, max(v))
        # CARLA writes the instance's number into green and blue
        own = (instance[:, :, 1].astype(int) + 256 * instance[:, :, 0].astype(int)) == (other.id & 0xffff)
        rows, columns = numpy.nonzero(own)
        if not check('%s has pixels of its own' % other.type_id, len(rows) > 50, (len(rows), numpy.unique(instance[:, :, :2].reshape(-1, 2), axis=0)[:8].tolist())):
            continue
        check('%s: its pixels carry its tag' % other.type_id, set(numpy.unique(tag[own][:, 2]).tolist()) <= vehicle_tags)
        inside = ((columns + 0.5 > box[0] - 2) & (columns + 0.5 < box[2] + 2) & (rows + 0.5 > box[1] - 2) & (rows + 0.5 < box[3] + 2)).mean()
        check('%s: its pixels lie inside the projected box' % other.type_id, inside > 0.99, inside)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        overlap = max(0, min(box[2], tight[2]) - max(box[0], tight[0])) * max(0, min(box[3], tight[3]) - max(box[1], tight[1]))
        union = (box[2] - box[0]) * (box[3] - box[1]) + (tight[2] - tight[0]) * (tight[3] - tight[1]) - overlap
        check('%s: the box is no larger than it must be' % other.type_id, overlap / union > 0.6, (overlap / union, box, tight))
        ray = other.get_transform().location - ego.get_transform().location
        check('%s: in front by the dot product of the example' % other.type_id, forward.dot(ray) > 0)
    for actor in [tags, ids, ego] + others:
        actor.destroy()


main(run)
