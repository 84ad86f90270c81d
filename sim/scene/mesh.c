/* sim/scene/mesh.c — growing triangle meshes and the few solids that scenery is made of. */
#include "sim/scene/scene.h"
#include <stdlib.h>
#include <string.h>

static const float texture_repeat_m[SCENE_TEXTURE_COUNT] = {
    [SCENE_PLAIN] = 4,        [SCENE_ASPHALT] = 8,        [SCENE_PAINT] = 4,         [SCENE_PAVING] = 3,
    [SCENE_CONCRETE] = 4,     [SCENE_GRASS] = 8,          [SCENE_EARTH] = 8,         [SCENE_BRICK] = 2,
    [SCENE_FACADE_BRICK] = 6, [SCENE_FACADE_PLASTER] = 6, [SCENE_FACADE_OFFICE] = 6, [SCENE_FACADE_SHOP] = 6,
    [SCENE_ROOF] = 4,         [SCENE_BARK] = 1,           [SCENE_LEAF] = 2,          [SCENE_WOOD] = 2,
    [SCENE_METAL] = 2,        [SCENE_CAR_PAINT] = 4,      [SCENE_GLASS] = 4,         [SCENE_RUBBER] = 1,
    [SCENE_FACADE_GLASS] = 6, [SCENE_FACADE_STONE] = 6,   [SCENE_BANNER] = 3,
};

float scene_texture_repeat_m(scene_texture t) { return texture_repeat_m[t]; }

/* Room for one element more; doubles, so that n appends cost O(n). */
static bool grow(void **array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    uint32_t wanted = *capacity ? *capacity * 2 : 256;
    void *moved = wanted > *capacity ? realloc(*array, (size_t)wanted * size) : NULL;
    if (!moved)
        return false;
    *array = moved;
    *capacity = wanted;
    return true;
}

static int16_t pack_unit(double x) { return (int16_t)lrint(fmax(-1.0, fmin(1.0, x)) * 32767.0); }

uint32_t scene_mesh_vertex(scene_mesh *m, base_vec3 position, base_vec3 normal, double u, double v, double light)
{
    if (m->failed || !grow((void **)&m->vertices, m->vertex_count, &m->vertex_capacity, sizeof *m->vertices)) {
        m->failed = true;
        return 0;
    }
    double length = base_vec3_length(normal);
    if (length > 0)
        normal = base_vec3_scale(normal, 1 / length);
    m->vertices[m->vertex_count] = (scene_vertex){ .position = { (float)position.x, (float)position.y, (float)position.z },
                                                   .uv = { (float)u, (float)v },
                                                   .normal = { pack_unit(normal.x), pack_unit(normal.y), pack_unit(normal.z) },
                                                   .light = (uint16_t)lrint(fmax(0.0, fmin(1.0, light)) * 65535.0) };
    return m->vertex_count++;
}

/* One that is packed already. */
static uint32_t copy_vertex(scene_mesh *m, const scene_vertex *v)
{
    if (m->failed || !grow((void **)&m->vertices, m->vertex_count, &m->vertex_capacity, sizeof *m->vertices)) {
        m->failed = true;
        return 0;
    }
    m->vertices[m->vertex_count] = *v;
    return m->vertex_count++;
}

void scene_mesh_triangle(scene_mesh *m, uint32_t a, uint32_t b, uint32_t c, scene_surface s)
{
    if (m->failed || !grow((void **)&m->triangles, m->triangle_count, &m->triangle_capacity, sizeof *m->triangles)) {
        m->failed = true;
        return;
    }
    m->triangles[m->triangle_count++] = (scene_triangle){
        .vertex = { a, b, c }, .material = s.material, .tag = s.tag, .flags = s.flags, .instance = s.instance
    };
}

void scene_mesh_quad(scene_mesh *m, base_vec3 a, base_vec3 b, base_vec3 c, base_vec3 d, double u0, double v0, scene_surface s)
{
    base_vec3 ab = base_vec3_sub(b, a), ad = base_vec3_sub(d, a);
    /* Left-handed frame: for vertices clockwise from the front, ab x ad points to the front. */
    base_vec3 normal = base_vec3_cross(ab, ad);
    double u1 = u0 + base_vec3_length(ab), v1 = v0 + base_vec3_length(ad);
    uint32_t i = scene_mesh_vertex(m, a, normal, u0, v0, 1);
    scene_mesh_vertex(m, b, normal, u1, v0, 1);
    scene_mesh_vertex(m, c, normal, u1, v1, 1);
    scene_mesh_vertex(m, d, normal, u0, v1, 1);
    scene_mesh_triangle(m, i, i + 1, i + 2, s);
    scene_mesh_triangle(m, i, i + 2, i + 3, s);
}

void scene_mesh_box(scene_mesh *m, const base_pose *centre, base_vec3 extent, bool bottom, scene_surface s)
{
    base_vec3 p[8]; /* bit 0: +x, bit 1: +y, bit 2: +z */
    for (int i = 0; i < 8; i++)
        p[i] = base_pose_to_world(
            centre, (base_vec3){ i & 1 ? extent.x : -extent.x, i & 2 ? extent.y : -extent.y, i & 4 ? extent.z : -extent.z });
    static const uint8_t face[6][4] = {
        /* lower left, lower right, upper right, upper left as seen from outside, except top and bottom */
        { 1, 3, 7, 5 }, { 2, 0, 4, 6 }, /* +x, -x */
        { 3, 2, 6, 7 }, { 0, 1, 5, 4 }, /* +y, -y */
        { 4, 5, 7, 6 }, { 1, 0, 2, 3 }, /* top, bottom */
    };
    for (int f = 0; f < (bottom ? 6 : 5); f++) {
        const uint8_t *q = face[f];
        base_vec3 ab = base_vec3_sub(p[q[1]], p[q[0]]), ad = base_vec3_sub(p[q[3]], p[q[0]]);
        base_vec3 out = base_vec3_sub(base_vec3_scale(base_vec3_add(p[q[0]], p[q[2]]), 0.5), centre->location);
        if (base_vec3_dot(base_vec3_cross(ab, ad), out) >= 0)
            scene_mesh_quad(m, p[q[0]], p[q[1]], p[q[2]], p[q[3]], 0, 0, s);
        else
            scene_mesh_quad(m, p[q[1]], p[q[0]], p[q[3]], p[q[2]], 0, 0, s);
    }
}

void scene_mesh_tube(scene_mesh *m, base_vec3 from, base_vec3 to, double radius_from, double radius_to, int sides, bool caps,
                     scene_surface s)
{
    base_vec3 axis = base_vec3_sub(to, from);
    double length = base_vec3_length(axis);
    if (length <= 0 || sides < 3)
        return;
    axis = base_vec3_scale(axis, 1 / length);
    base_vec3 other = fabs(axis.z) < 0.9 ? (base_vec3){ 0, 0, 1 } : (base_vec3){ 1, 0, 0 };
    base_vec3 e = base_vec3_cross(axis, other);
    e = base_vec3_scale(e, 1 / base_vec3_length(e));
    base_vec3 f = base_vec3_cross(axis, e);
    double around = 2 * BASE_PI * fmax(radius_from, radius_to);
    uint32_t first = m->vertex_count;
    for (int i = 0; i <= sides; i++) {
        double a = 2 * BASE_PI * (i % sides) / sides;
        base_vec3 out = base_vec3_add(base_vec3_scale(e, cos(a)), base_vec3_scale(f, sin(a)));
        scene_mesh_vertex(m, base_vec3_add(from, base_vec3_scale(out, radius_from)), out, around * i / sides, 0, 1);
        scene_mesh_vertex(m, base_vec3_add(to, base_vec3_scale(out, radius_to)), out, around * i / sides, length, 1);
    }
    /* e, f, axis are such that e x f = axis; outside, growing i runs so that (from_i, from_i+1, to) is clockwise. */
    for (int i = 0; i < sides; i++) {
        uint32_t k = first + 2 * (uint32_t)i;
        if (radius_from > 0)
            scene_mesh_triangle(m, k, k + 2, k + 1, s);
        if (radius_to > 0)
            scene_mesh_triangle(m, k + 2, k + 3, k + 1, s);
    }
    for (int end = 0; caps && end < 2; end++) {
        double radius = end ? radius_to : radius_from;
        base_vec3 c = end ? to : from, n = base_vec3_scale(axis, end ? 1 : -1);
        if (radius <= 0)
            continue;
        uint32_t middle = scene_mesh_vertex(m, c, n, 0, 0, 1);
        for (int i = 0; i < sides; i++) {
            double a = 2 * BASE_PI * i / sides;
            base_vec3 out = base_vec3_add(base_vec3_scale(e, cos(a)), base_vec3_scale(f, sin(a)));
            scene_mesh_vertex(m, base_vec3_add(c, base_vec3_scale(out, radius)), n, radius * cos(a), radius * sin(a), 1);
        }
        for (int i = 0; i < sides; i++) {
            uint32_t p = middle + 1 + (uint32_t)i, q = middle + 1 + (uint32_t)((i + 1) % sides);
            scene_mesh_triangle(m, middle, end ? p : q, end ? q : p, s);
        }
    }
}

void scene_mesh_append(scene_mesh *m, const scene_mesh *src, const base_pose *pose)
{
    base_mat3 r = pose ? base_rotation_matrix(pose->rotation) : (base_mat3){ { { 0 } } };
    base_vec3 at = pose ? pose->location : (base_vec3){ 0, 0, 0 };
    uint32_t first = m->vertex_count;
    m->failed = m->failed || src->failed;
    for (uint32_t i = 0; i < src->vertex_count && !m->failed; i++) {
        const scene_vertex *v = &src->vertices[i];
        if (!pose) {
            copy_vertex(m, v);
            continue;
        }
        base_vec3 p = base_mat3_apply(&r, (base_vec3){ v->position[0], v->position[1], v->position[2] });
        base_vec3 n = base_mat3_apply(&r, (base_vec3){ v->normal[0], v->normal[1], v->normal[2] });
        scene_mesh_vertex(m, base_vec3_add(p, at), n, v->uv[0], v->uv[1], v->light / 65535.0);
    }
    for (uint32_t i = 0; i < src->triangle_count && !m->failed; i++) {
        const scene_triangle *t = &src->triangles[i];
        scene_mesh_triangle(m, first + t->vertex[0], first + t->vertex[1], first + t->vertex[2],
                            (scene_surface){ t->material, t->tag, t->flags, t->instance });
    }
}

void scene_mesh_free(scene_mesh *m)
{
    free(m->vertices);
    free(m->triangles);
    *m = (scene_mesh){ 0 };
}
