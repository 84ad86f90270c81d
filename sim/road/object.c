/* Objects: outlines placed in the world, and crosswalks as CARLA lists them. */
#include "sim/road/road_map.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

/* Corners into the world. The first corner is often repeated at the end: drop it there. */
static bool place_outlines(road_map *m)
{
    for (int i = 0; i < m->corners.count; i++)
        if (!ROAD_PUSH(m->outlines))
            return false;
    for (int i = 0; i < m->objects.count; i++) {
        road_object_data *o = &m->objects.items[i];
        base_pose p = road_surface_pose(m, o->road, o->s, -o->t, o->z_offset);
        double yaw = BASE_RAD(p.rotation.yaw_deg) - o->heading, grade = tan(BASE_RAD(p.rotation.pitch_deg));
        for (int k = 0; k < o->corner_count; k++) {
            const road_corner *c = &m->corners.items[o->first_corner + k];
            base_vec3 *w = &m->outlines.items[o->first_corner + k];
            if (c->on_road)
                *w = road_surface_pose(m, o->road, c->u, -c->v, c->z).location;
            else /* v is to the left: -v to the right; the outline lies on the road's grade */
                *w = (base_vec3){ p.location.x + c->u * cos(yaw) + c->v * sin(yaw),
                                  p.location.y + c->u * sin(yaw) - c->v * cos(yaw),
                                  p.location.z + c->z + grade * (c->u * cos(o->heading) - c->v * sin(o->heading)) };
        }
        if (o->corner_count > 1) {
            base_vec3 *w = &m->outlines.items[o->first_corner];
            if (base_vec3_length(base_vec3_sub(w[0], w[o->corner_count - 1])) < 1e-3)
                o->corner_count--, o->closed = true;
        }
    }
    return true;
}

bool road_objects_build(road_map *m, base_error *err)
{
    if (!place_outlines(m))
        return base_fail(err, BASE_MEMORY, "%s: no memory for objects", m->name);
    for (int i = 0; i < m->objects.count; i++)
        for (char *c = m->text.items + m->objects.items[i].type; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    return true;
}

int road_object_count(const road_map *m) { return m->objects.count; }

road_object road_map_object(const road_map *m, int object)
{
    assert(object >= 0 && object < m->objects.count);
    const road_object_data *o = &m->objects.items[object];
    base_pose p = road_surface_pose(m, o->road, o->s, -o->t, o->z_offset);
    p.rotation = (base_rotation){ 0, base_wrap_deg(p.rotation.yaw_deg - BASE_DEG(o->heading)), 0 };
    return (road_object){ .id = road_text(m, o->id),
                          .name = road_text(m, o->name),
                          .type = road_text(m, o->type),
                          .road = o->road,
                          .s = o->s,
                          .t_m = -o->t,
                          .pose = p,
                          .length_m = o->length,
                          .width_m = o->width,
                          .height_m = o->height,
                          .outline = m->outlines.items + o->first_corner,
                          .outline_count = o->corner_count };
}

/* The frame of a crosswalk in CARLA up to 0.9.15: the centre line at s, moved by t to what would be the left if the object's heading were
 * the road's, turned by that heading. */
static base_pose crosswalk_frame(const road_map *m, const road_object_data *o)
{
    const road_road *r = &m->roads.items[o->road];
    int section = r->first_section + road_find_section(m, o->road, o->s);
    road_center c = road_lane_center(m, &m->lanes.items[road_lane_index(m, o->road, section - r->first_section, 0)], o->s);
    base_pose turned = { c.at, { BASE_DEG(c.along.z), -BASE_DEG(c.heading) - BASE_DEG(o->heading), 0 } };
    base_pose aside = turned;
    aside.rotation.yaw_deg -= 90;
    turned.location = base_pose_to_world(&aside, (base_vec3){ o->t, 0, 0 });
    return turned;
}

#define RELEASE_AS_DRAWN 16 /* the first that lists crosswalks as they are drawn */

/* As drawn, but pitched by the road's grade along u, whatever direction that has. */
static base_vec3 corner_of_16(const road_map *m, const road_object_data *o, int at)
{
    const road_corner *c = &m->corners.items[at];
    base_vec3 p = m->outlines.items[at];
    if (!c->on_road) {
        base_pose frame = road_surface_pose(m, o->road, o->s, -o->t, o->z_offset);
        p.z = frame.location.z + c->z + c->u * sin(BASE_RAD(frame.rotation.pitch_deg));
    }
    return p;
}

int road_map_crosswalks(const road_map *m, int release, base_vec3 *out, int capacity)
{
    int count = 0;
    for (int i = 0; i < m->objects.count; i++) {
        const road_object_data *o = &m->objects.items[i];
        if (strcmp(road_text(m, o->type), "crosswalk") != 0 || o->corner_count == 0)
            continue;
        base_pose frame = crosswalk_frame(m, o);
        for (int k = 0; k < o->corner_count + o->closed; k++, count++) {
            int at = o->first_corner + k % o->corner_count;
            const road_corner *c = &m->corners.items[at];
            if (count < capacity)
                out[count] = release >= RELEASE_AS_DRAWN
                                 ? corner_of_16(m, o, at)
                                 : base_pose_to_world(&frame, (base_vec3){ c->u + (c->u < 0 ? -1 : 1), c->v, c->z });
        }
    }
    return count;
}
