/* sim/render/render_view.c — the camera, and the chunks and moving things that lie in its view, from near to far. */
#include "sim/render/render_internal.h"
#include <stdlib.h>
#include <string.h>

render_camera render_camera_from(const render_view *v)
{
    render_camera c = { .rotation = base_rotation_matrix(v->pose.rotation), .location = v->pose.location };
    c.focal = v->width / (2 * tan(BASE_RAD(v->fov_deg) / 2));
    c.cx = v->width / 2.0;
    c.cy = v->height / 2.0;
    c.width = v->width;
    c.height = v->height;
    c.near_m = v->near_m > 0 ? v->near_m : 0.1;
    const double local[5][4] = { { 1, 0, 0, -c.near_m },
                                 { c.cx, c.focal, 0, 0 },
                                 { c.cx, -c.focal, 0, 0 },
                                 { c.cy, 0, -c.focal, 0 },
                                 { c.cy, 0, c.focal, 0 } };
    for (int k = 0; k < 5; k++) {
        base_vec3 n = base_mat3_apply(&c.rotation, (base_vec3){ local[k][0], local[k][1], local[k][2] });
        c.plane[k][0] = n.x;
        c.plane[k][1] = n.y;
        c.plane[k][2] = n.z;
        c.plane[k][3] = local[k][3] - base_vec3_dot(n, c.location);
    }
    return c;
}

static bool box_in_view(const render_camera *c, const scene_bounds *b)
{
    for (int k = 0; k < 5; k++) {
        const double *n = c->plane[k];
        double best = n[3];
        for (int i = 0; i < 3; i++)
            best += n[i] * (n[i] > 0 ? b->hi[i] : b->lo[i]);
        if (best < 0)
            return false;
    }
    return true;
}

static double box_distance2(const render_camera *c, const scene_bounds *b)
{
    double p[3] = { c->location.x, c->location.y, c->location.z }, sum = 0;
    for (int k = 0; k < 3; k++) {
        double d = fmax(0, fmax(b->lo[k] - p[k], p[k] - b->hi[k]));
        sum += d * d;
    }
    return sum;
}

void render_to_screen(const render_camera *c, const scene_instance *in, double out[3][4])
{
    double world[3][4];
    for (int k = 0; k < 3; k++) { /* camera axes are the columns of the rotation */
        double fx = c->rotation.m[k][0], ry = c->rotation.m[k][1], uz = c->rotation.m[k][2];
        world[0][k] = c->focal * ry + c->cx * fx;
        world[1][k] = -c->focal * uz + c->cy * fx;
        world[2][k] = fx;
    }
    base_vec3 at = in ? in->pose.location : (base_vec3){ 0, 0, 0 };
    base_vec3 d = base_vec3_sub(at, c->location); /* subtract first: far from the origin digits are precious */
    for (int q = 0; q < 3; q++)
        world[q][3] = world[q][0] * d.x + world[q][1] * d.y + world[q][2] * d.z;
    memcpy(out, world, sizeof world);
    if (!in)
        return;
    base_mat3 r = base_rotation_matrix(in->pose.rotation);
    const base_vec3 factor = scene_instance_scale(in);
    const double scale[3] = { factor.x, factor.y, factor.z };
    for (int q = 0; q < 3; q++)
        for (int k = 0; k < 3; k++)
            out[q][k] = (world[q][0] * r.m[0][k] + world[q][1] * r.m[1][k] + world[q][2] * r.m[2][k]) * scale[k];
}

/* before, in_before: the picture before and where the instance was then; NULL when no motion is asked for. */
static void set_transform(const render_camera *c, const render_camera *before, const scene_instance *in,
                          const scene_instance *in_before, render_item *item)
{
    render_to_screen(c, in, item->to_screen);
    if (before)
        render_to_screen(before, in_before, item->before);
    if (!in)
        return;
    base_mat3 r = base_rotation_matrix(in->pose.rotation);
    const base_vec3 factor = scene_instance_scale(in);
    const double scale[3] = { factor.x, factor.y, factor.z };
    for (int q = 0; q < 3; q++)
        for (int k = 0; k < 3; k++)
            item->normal[q][k] = r.m[q][k] / scale[k];
}

static scene_bounds instance_bounds(const scene *s, const scene_instance *in)
{
    const scene_bounds *b = &s->meshes[in->mesh].bounds;
    base_mat3 r = base_rotation_matrix(in->pose.rotation);
    const base_vec3 factor = scene_instance_scale(in);
    const double scale[3] = { factor.x, factor.y, factor.z };
    double at[3] = { in->pose.location.x, in->pose.location.y, in->pose.location.z };
    scene_bounds out;
    for (int q = 0; q < 3; q++) {
        double middle = at[q], reach = 0;
        for (int k = 0; k < 3; k++) {
            middle += r.m[q][k] * scale[k] * 0.5 * ((double)b->lo[k] + b->hi[k]);
            reach += fabs(r.m[q][k] * scale[k]) * 0.5 * ((double)b->hi[k] - b->lo[k]);
        }
        out.lo[q] = (float)(middle - reach - 1e-3);
        out.hi[q] = (float)(middle + reach + 1e-3);
    }
    return out;
}

typedef struct sort_key {
    double distance2;
    uint32_t chunk;
} sort_key;

static int nearer_first(const void *a, const void *b)
{
    const sort_key *x = a, *y = b;
    if (x->distance2 != y->distance2)
        return x->distance2 < y->distance2 ? -1 : 1;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

/* What the steps of render_collect share. */
typedef struct collection {
    const scene *scene;
    const render_shape *world, *meshes;
    const render_view *view;
    const render_camera *camera, *before;
    render_umbra umbras[RENDER_UMBRAS_MAX];
    int umbra_count;
    double detail2; /* square of the distance up to which detail is drawn; 0: everywhere */
    render_items *out;
} collection;

static bool is_seen(const collection *k, const scene_bounds *b)
{
    return box_in_view(k->camera, b) && !render_in_umbra(k->umbras, k->umbra_count, b);
}

static bool collect_instances(const collection *k, const scene_instance *instances, int count, base_error *err)
{
    const scene *s = k->scene;
    for (int i = 0; i < count; i++) {
        const scene_instance *in = &instances[i];
        if (in->mesh < 0 || (uint32_t)in->mesh >= s->mesh_count)
            return base_fail(err, BASE_ARGUMENT, "render: instance %d has mesh %d, the scene has %u", i, in->mesh,
                             s->mesh_count);
        const scene_part *part = &s->meshes[in->mesh];
        scene_bounds b = instance_bounds(s, in);
        if ((k->view->hidden_id && in->id == k->view->hidden_id) || !is_seen(k, &b))
            continue;
        render_item *item = &k->out->items[k->out->count++];
        *item = (render_item){
            .part = part,
            .shape = &k->meshes[in->mesh],
            .triangle_count = part->triangle_count,
            .vertex_count = part->vertex_count,
            .instance = in,
            .bounds = b,
        };
        set_transform(k->camera, k->before, in, k->view->before ? &k->view->before->instances[i] : in, item);
    }
    return true;
}

static bool has_detail_at(const collection *k, const scene_chunk *chunk, double distance2)
{
    return !chunk->detail || k->detail2 <= 0 || distance2 <= (chunk->detail == SCENE_DETAIL ? 1 : 16) * k->detail2;
}

static bool collect_chunks(const collection *k, base_error *err)
{
    const scene *s = k->scene;
    sort_key *keys = malloc(((size_t)s->chunk_count + 1) * sizeof *keys);
    if (!keys)
        return base_fail(err, BASE_MEMORY, "render: no memory for %u chunks", s->chunk_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        const scene_chunk *chunk = &s->chunks[i];
        double distance2 = box_distance2(k->camera, &chunk->bounds);
        if (has_detail_at(k, chunk, distance2) && is_seen(k, &chunk->bounds))
            keys[count++] = (sort_key){ distance2, i };
    }
    qsort(keys, count, sizeof *keys, nearer_first);
    for (uint32_t i = 0; i < count; i++) {
        const scene_chunk *chunk = &s->chunks[keys[i].chunk];
        render_item *item = &k->out->items[k->out->count++];
        *item = (render_item){ .part = &s->world,
                               .shape = k->world,
                               .first_triangle = chunk->first_triangle,
                               .triangle_count = chunk->triangle_count,
                               .first_vertex = chunk->first_vertex,
                               .vertex_count = chunk->vertex_count,
                               .bounds = chunk->bounds };
        set_transform(k->camera, k->before, NULL, NULL, item);
    }
    free(keys);
    return true;
}

bool render_collect(const scene *s, const render_shape *world, const render_shape *meshes, double detail_range_m,
                    const render_view *v, const render_camera *c, const render_camera *before, const scene_instance *instances,
                    int instance_count, render_items *out, base_error *err)
{
    uint32_t wanted = s->chunk_count + (uint32_t)instance_count;
    if (wanted > out->capacity) {
        render_item *items = realloc(out->items, (size_t)wanted * sizeof *items);
        if (!items)
            return base_fail(err, BASE_MEMORY, "render: no memory for %u things in view", wanted);
        out->items = items;
        out->capacity = wanted;
    }
    out->count = 0;
    /* As large on the picture as at detail_range_m with 400 pixels of focal length. */
    double detail = detail_range_m * c->focal / 400;
    collection k = { .scene = s,
                     .world = world,
                     .meshes = meshes,
                     .view = v,
                     .camera = c,
                     .before = before,
                     .detail2 = detail * detail,
                     .out = out };
    k.umbra_count = render_umbras_find(s, c, k.umbras);
    return collect_instances(&k, instances, instance_count, err) && collect_chunks(&k, err);
}
