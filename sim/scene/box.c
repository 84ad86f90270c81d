/* sim/scene/box.c — oriented boxes against triangles and against each other, by separating axes.
 * Sources: Akenine-Moeller, Fast 3D triangle-box overlap testing, 2001; Gottschalk et al., OBBTree, 1996. */
#include "sim/scene/scene.h"
#include "sim/scene/bvh.h"
#include <assert.h>

static double component(base_vec3 v, int k) { return k == 0 ? v.x : k == 1 ? v.y : v.z; }

/* Are the three points (in the box's frame) all beyond the box along `axis`? */
static bool separates(base_vec3 axis, const base_vec3 p[3], base_vec3 extent)
{
    double reach = fabs(axis.x) * extent.x + fabs(axis.y) * extent.y + fabs(axis.z) * extent.z;
    double a = base_vec3_dot(axis, p[0]), b = base_vec3_dot(axis, p[1]), c = base_vec3_dot(axis, p[2]);
    return fmin(a, fmin(b, c)) > reach || fmax(a, fmax(b, c)) < -reach;
}

static bool triangle_in_box(const base_vec3 p[3], base_vec3 extent)
{
    static const base_vec3 unit[3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };
    for (int k = 0; k < 3; k++)
        if (separates(unit[k], p, extent))
            return false;
    base_vec3 edge[3] = { base_vec3_sub(p[1], p[0]), base_vec3_sub(p[2], p[1]), base_vec3_sub(p[0], p[2]) };
    if (separates(base_vec3_cross(edge[0], edge[1]), p, extent))
        return false;
    for (int e = 0; e < 3; e++)
        for (int k = 0; k < 3; k++)
            if (separates(base_vec3_cross(unit[k], edge[e]), p, extent))
                return false;
    return true;
}

/* Point of a triangle nearest to the origin (Ericson, Real-Time Collision Detection, 5.1.5). */
static base_vec3 nearest_point(const base_vec3 p[3])
{
    base_vec3 ab = base_vec3_sub(p[1], p[0]), ac = base_vec3_sub(p[2], p[0]);
    double d1 = -base_vec3_dot(ab, p[0]), d2 = -base_vec3_dot(ac, p[0]);
    if (d1 <= 0 && d2 <= 0)
        return p[0];
    double d3 = -base_vec3_dot(ab, p[1]), d4 = -base_vec3_dot(ac, p[1]);
    if (d3 >= 0 && d4 <= d3)
        return p[1];
    double vc = d1 * d4 - d3 * d2;
    if (vc <= 0 && d1 >= 0 && d3 <= 0)
        return base_vec3_add(p[0], base_vec3_scale(ab, d1 / (d1 - d3)));
    double d5 = -base_vec3_dot(ab, p[2]), d6 = -base_vec3_dot(ac, p[2]);
    if (d6 >= 0 && d5 <= d6)
        return p[2];
    double vb = d5 * d2 - d1 * d6;
    if (vb <= 0 && d2 >= 0 && d6 <= 0)
        return base_vec3_add(p[0], base_vec3_scale(ac, d2 / (d2 - d6)));
    double va = d3 * d6 - d5 * d4;
    if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0)
        return base_vec3_add(p[1], base_vec3_scale(base_vec3_sub(p[2], p[1]), (d4 - d3) / ((d4 - d3) + (d5 - d6))));
    double sum = va + vb + vc;
    if (sum == 0)
        return p[0];
    return base_vec3_add(p[0], base_vec3_add(base_vec3_scale(ab, vb / sum), base_vec3_scale(ac, vc / sum)));
}

base_vec3 scene_triangle_nearest(const base_vec3 p[3], base_vec3 to)
{
    base_vec3 moved[3] = { base_vec3_sub(p[0], to), base_vec3_sub(p[1], to), base_vec3_sub(p[2], to) };
    return base_vec3_add(nearest_point(moved), to);
}

typedef struct box_search {
    const scene *scene;
    const scene_box *box;
    base_mat3 rotation;
    uint32_t ignore_mask;
    bool want_nearest, found;
    uint32_t triangle;
    base_vec3 point; /* in the box's frame */
} box_search;

static bool visit_box(void *user, uint32_t triangle)
{
    box_search *b = user;
    const scene_part *w = &b->scene->world;
    const scene_triangle *t = &w->triangles[triangle];
    if ((b->ignore_mask >> (t->tag & 31) & 1) || (t->flags & (SCENE_THIN | SCENE_HIDDEN)))
        return true;
    base_vec3 p[3];
    for (int k = 0; k < 3; k++) {
        const float *v = w->vertices[t->vertex[k]].position;
        p[k] = base_mat3_apply_inverse(&b->rotation, base_vec3_sub((base_vec3){ v[0], v[1], v[2] }, b->box->pose.location));
    }
    if (!triangle_in_box(p, b->box->extent))
        return true;
    base_vec3 point = nearest_point(p);
    double here = base_vec3_dot(point, point), best = base_vec3_dot(b->point, b->point);
    if (!b->found || here < best || (here == best && triangle < b->triangle)) {
        b->point = point;
        b->triangle = triangle;
    }
    b->found = true;
    return b->want_nearest;
}

bool scene_box_hit(const scene *s, const scene_box *box, uint32_t ignore_mask, scene_hit *hit)
{
    assert(s->finished);
    box_search search = { .scene = s,
                          .box = box,
                          .rotation = base_rotation_matrix(box->pose.rotation),
                          .ignore_mask = ignore_mask,
                          .want_nearest = hit != NULL };
    scene_bounds around;
    for (int k = 0; k < 3; k++) {
        const double *row = search.rotation.m[k];
        double reach = fabs(row[0]) * box->extent.x + fabs(row[1]) * box->extent.y + fabs(row[2]) * box->extent.z;
        double centre = component(box->pose.location, k), margin = 1e-6 * (1 + fabs(centre));
        around.lo[k] = (float)(centre - reach - margin);
        around.hi[k] = (float)(centre + reach + margin);
    }
    scene_bvh_walk(&s->world, &around, visit_box, &search);
    if (!search.found || !hit)
        return search.found;
    const scene_triangle *t = &s->world.triangles[search.triangle];
    base_vec3 x[3];
    for (int k = 0; k < 3; k++) {
        const float *v = s->world.vertices[t->vertex[k]].position;
        x[k] = (base_vec3){ v[0], v[1], v[2] };
    }
    base_vec3 n = base_vec3_cross(base_vec3_sub(x[1], x[0]), base_vec3_sub(x[2], x[0]));
    double length = base_vec3_length(n);
    base_vec3 point = base_pose_to_world(&box->pose, search.point);
    if (length > 0)
        n = base_vec3_scale(n, (base_vec3_dot(n, base_vec3_sub(box->pose.location, point)) < 0 ? -1 : 1) / length);
    *hit = (scene_hit){ .distance_m = base_vec3_length(search.point),
                        .point = point,
                        .normal = n,
                        .tag = t->tag,
                        .instance = t->instance,
                        .dynamic = -1,
                        .triangle = search.triangle };
    return true;
}

bool scene_boxes_overlap(const scene_box *a, const scene_box *b)
{
    base_mat3 ra = base_rotation_matrix(a->pose.rotation), rb = base_rotation_matrix(b->pose.rotation);
    base_vec3 apart = base_vec3_sub(b->pose.location, a->pose.location), axes[15];
    base_vec3 ea = a->extent, eb = b->extent;
    int n = 0;
    for (int k = 0; k < 3; k++) {
        axes[n++] = (base_vec3){ ra.m[0][k], ra.m[1][k], ra.m[2][k] };
        axes[n++] = (base_vec3){ rb.m[0][k], rb.m[1][k], rb.m[2][k] };
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            axes[n++] = base_vec3_cross(axes[2 * i], axes[2 * j + 1]);
    for (int k = 0; k < n; k++) {
        base_vec3 la = base_mat3_apply_inverse(&ra, axes[k]), lb = base_mat3_apply_inverse(&rb, axes[k]);
        double reach = fabs(la.x) * ea.x + fabs(la.y) * ea.y + fabs(la.z) * ea.z + fabs(lb.x) * eb.x + fabs(lb.y) * eb.y +
                       fabs(lb.z) * eb.z;
        /* The margin makes nearly parallel edges (axis about zero) never separate by rounding. */
        if (fabs(base_vec3_dot(apart, axes[k])) > reach + 1e-12)
            return false;
    }
    return true;
}
