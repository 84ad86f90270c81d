/* sim/render/render_occlusion.c — what lies wholly behind a wall (scene_occluder) needs no setup. Planes through the eye and a wall's edges bound
 * what it hides (Coorg and Teller, Real-time occlusion culling for models with large occluders, 1997); a box inside all of them
 * and behind the wall cannot be seen. A margin keeps rounding of vertices and edges out of it, so pictures do not change. */
#include "sim/render/render_internal.h"

#define MARGIN_M    0.02
#define FARTHEST_M  200.0
#define LEAST_ANGLE 0.01 /* steradian: a smaller wall is not worth its tests */

static base_vec3 corner_of(const scene_occluder *o, int k)
{
    return (base_vec3){ (double)o->corner[k][0], (double)o->corner[k][1], (double)o->corner[k][2] };
}

/* Solid angle of a wall, roughly: its area as seen, over the square of the distance. 0: seen from behind, too near, or too far. */
static double angle_of(const scene_occluder *o, base_vec3 eye, double near_m, base_vec3 *normal)
{
    base_vec3 a = base_vec3_sub(corner_of(o, 0), eye), c = base_vec3_sub(corner_of(o, 2), eye);
    base_vec3 middle = base_vec3_scale(base_vec3_add(a, c), 0.5);
    double distance2 = base_vec3_dot(middle, middle);
    if (o->hidden || distance2 > FARTHEST_M * FARTHEST_M)
        return 0;
    base_vec3 across =
        base_vec3_cross(base_vec3_sub(corner_of(o, 3), corner_of(o, 1)), base_vec3_sub(c, a)); /* twice its area */
    double twice = base_vec3_length(across);
    if (!(twice > 0))
        return 0;
    *normal = base_vec3_scale(across, 1 / twice); /* away from the front */
    double depth = base_vec3_dot(*normal, a);     /* of the eye in front of the wall */
    return depth > near_m ? 0.5 * twice * depth / (distance2 * sqrt(distance2)) : 0;
}

static bool in_view(const render_camera *c, const scene_occluder *o)
{
    for (int k = 0; k < 5; k++) {
        const double *n = c->plane[k];
        bool any = false;
        for (int i = 0; i < 4; i++)
            any |= n[0] * (double)o->corner[i][0] + n[1] * (double)o->corner[i][1] + n[2] * (double)o->corner[i][2] + n[3] >= 0;
        if (!any)
            return false;
    }
    return true;
}

/* Positive towards what is hidden, by the margin. */
static void set_plane(double plane[4], base_vec3 normal, base_vec3 point)
{
    plane[0] = normal.x;
    plane[1] = normal.y;
    plane[2] = normal.z;
    plane[3] = -base_vec3_dot(normal, point) - MARGIN_M;
}

static bool set_umbra(render_umbra *u, const scene_occluder *o, base_vec3 eye, base_vec3 normal)
{
    set_plane(u->plane[0], normal, corner_of(o, 0));
    for (int k = 0; k < 4; k++) {
        base_vec3 from = base_vec3_sub(corner_of(o, k), eye), to = base_vec3_sub(corner_of(o, (k + 1) % 4), eye);
        base_vec3 side = base_vec3_cross(to, from);
        double length = base_vec3_length(side);
        if (!(length > 0))
            return false;
        set_plane(u->plane[k + 1], base_vec3_scale(side, 1 / length), eye);
    }
    return true;
}

int render_umbras_find(const scene *s, const render_camera *c, render_umbra out[RENDER_UMBRAS_MAX])
{
    struct {
        double angle;
        base_vec3 normal;
        uint32_t occluder;
    } best[RENDER_UMBRAS_MAX];
    /* The near plane cuts walls that come closer than this. */
    double corner = sqrt(c->focal * c->focal + c->cx * c->cx + c->cy * c->cy),
           near_m = c->near_m * corner / c->focal + MARGIN_M;
    int count = 0, good = 0;
    for (uint32_t i = 0; i < s->occluder_count; i++) {
        base_vec3 normal = { 0, 0, 0 };
        double angle = angle_of(&s->occluders[i], c->location, near_m, &normal);
        if (angle < LEAST_ANGLE || (count == RENDER_UMBRAS_MAX && angle <= best[count - 1].angle) ||
            !in_view(c, &s->occluders[i]))
            continue;
        int at = count < RENDER_UMBRAS_MAX ? count++ : count - 1;
        for (; at > 0 && best[at - 1].angle < angle; at--)
            best[at] = best[at - 1];
        best[at].angle = angle;
        best[at].normal = normal;
        best[at].occluder = i;
    }
    for (int k = 0; k < count; k++)
        good += set_umbra(&out[good], &s->occluders[best[k].occluder], c->location, best[k].normal);
    return good;
}

bool render_in_umbra(const render_umbra *umbras, int count, const scene_bounds *b)
{
    for (int i = 0; i < count; i++) {
        int k = 0;
        for (; k < 5; k++) {
            const double *n = umbras[i].plane[k];
            double least = n[3] + n[0] * (n[0] > 0 ? b->lo[0] : b->hi[0]) + n[1] * (n[1] > 0 ? b->lo[1] : b->hi[1]) +
                           n[2] * (n[2] > 0 ? b->lo[2] : b->hi[2]);
            if (least < 0)
                break;
        }
        if (k == 5)
            return true;
    }
    return false;
}
