/* Rays, boxes and chunks of the scene room against plain loops over all triangles. */
#include "base/random.h"
#include "sim/scene/scene.h"
#include "tests/support/random_scene.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static base_vec3 corner(const scene_part *p, uint32_t triangle, int k)
{
    const float *v = p->vertices[p->triangles[triangle].vertex[k]].position;
    return (base_vec3){ v[0], v[1], v[2] };
}

/* Distance along a unit ray to a triangle by plane and inside test: another way than the hierarchy's, to check against. */
static double plane_distance(const base_vec3 p[3], base_vec3 origin, base_vec3 direction, double *edge)
{
    base_vec3 n = base_vec3_cross(base_vec3_sub(p[1], p[0]), base_vec3_sub(p[2], p[0]));
    double area = base_vec3_length(n), slope = base_vec3_dot(n, direction);
    if (area < 1e-12 || fabs(slope) < 1e-12)
        return -1;
    double t = base_vec3_dot(n, base_vec3_sub(p[0], origin)) / slope;
    base_vec3 x = base_vec3_add(origin, base_vec3_scale(direction, t));
    *edge = 1e30;
    for (int k = 0; k < 3; k++) {
        base_vec3 side = base_vec3_sub(p[(k + 1) % 3], p[k]);
        double d = base_vec3_dot(n, base_vec3_cross(side, base_vec3_sub(x, p[k]))) / (area * base_vec3_length(side));
        *edge = fmin(*edge, d);
    }
    return t;
}

static base_vec3 direction_from(base_random *d)
{
    base_vec3 v = { base_random_normal(d), base_random_normal(d), base_random_normal(d) };
    return base_vec3_scale(v, 1 / base_vec3_length(v));
}

static void rays_agree_with_a_loop_over_all_triangles(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scene *s = random_scene(seed, 300);
        int hits = 0, close_calls = 0;
        for (uint64_t k = 0; k < 1500; k++) {
            base_random d = base_random_start(seed, "ray", k, 0);
            base_vec3 origin = { base_random_range(&d, -50, 50), base_random_range(&d, -50, 50),
                                 base_random_range(&d, 0.1, 14) };
            base_vec3 direction = k % 10 ? direction_from(&d) : (base_vec3){ 0, 0, -1 }; /* axis-parallel ones too */
            double best = 1e30;
            bool doubtful = false;
            for (uint32_t t = 0; t < s->world.triangle_count; t++) {
                base_vec3 p[3] = { corner(&s->world, t, 0), corner(&s->world, t, 1), corner(&s->world, t, 2) };
                double edge, at = plane_distance(p, origin, direction, &edge);
                if (at < 0)
                    continue;
                if (edge > 0 && at < best)
                    best = at;
                doubtful = doubtful || fabs(edge) < 1e-6; /* on an edge both answers are right */
            }
            scene_hit hit = { 0 };
            bool found = scene_ray(s, NULL, 0, origin, direction, 1e6, &hit);
            close_calls += doubtful;
            if (doubtful)
                continue;
            hits += found;
            if (found != (best < 1e6) || (found && fabs(hit.distance_m - best) > 1e-6 * (1 + best)))
                fail_msg("seed %d ray %d: found %d at %.9f, the loop says %.9f", (int)seed, (int)k, found, hit.distance_m,
                         best);
            if (found) {
                base_vec3 x = base_vec3_add(origin, base_vec3_scale(direction, hit.distance_m));
                assert_true(base_vec3_length(base_vec3_sub(x, hit.point)) < 1e-6);
                assert_int_equal(hit.tag, s->world.triangles[hit.triangle].tag);
                assert_int_equal(hit.instance, s->world.triangles[hit.triangle].instance);
                assert_true(base_vec3_dot(hit.normal, direction) <= 0);
                /* Just short of the hit there is nothing. */
                assert_false(scene_ray(s, NULL, 0, origin, direction, hit.distance_m - 1e-6, NULL));
            }
        }
        assert_true(hits > 700);
        assert_true(close_calls < 20);
        scene_destroy(s);
    }
}

static void rays_hit_moved_and_scaled_instances(void **state)
{
    (void)state;
    scene *s = random_scene(4, 5);
    scene_instance in[40];
    random_instances(9, in, 40);
    int dynamic = 0;
    for (uint64_t k = 0; k < 800; k++) {
        base_random d = base_random_start(4, "ray", k, 0);
        base_vec3 origin = { base_random_range(&d, -50, 50), base_random_range(&d, -50, 50), base_random_range(&d, 0.1, 6) };
        base_vec3 direction = direction_from(&d);
        direction.z *= 0.2;
        direction = base_vec3_scale(direction, 1 / base_vec3_length(direction));
        scene_hit hit, fixed;
        double best = scene_ray(s, NULL, 0, origin, direction, 1e6, &fixed) ? fixed.distance_m : 1e30;
        int which = -1;
        bool doubtful = false;
        for (int i = 0; i < 40; i++) {
            const scene_part *p = &s->meshes[in[i].mesh];
            base_vec3 f = in[i].scale;
            for (uint32_t t = 0; t < p->triangle_count; t++) {
                base_vec3 q[3];
                for (int c = 0; c < 3; c++) {
                    base_vec3 v = corner(p, t, c);
                    v = (base_vec3){ v.x * (f.x != 0 ? f.x : 1), v.y * (f.y != 0 ? f.y : 1), v.z * (f.z != 0 ? f.z : 1) };
                    q[c] = base_pose_to_world(&in[i].pose, v);
                }
                double edge, at = plane_distance(q, origin, direction, &edge);
                doubtful = doubtful || (at >= 0 && fabs(edge) < 1e-6);
                if (at >= 0 && edge > 0 && at < best) {
                    best = at;
                    which = i;
                }
            }
        }
        bool found = scene_ray(s, in, 40, origin, direction, 1e6, &hit);
        if (doubtful)
            continue;
        assert_int_equal(found, best < 1e6);
        if (!found)
            continue;
        assert_true(fabs(hit.distance_m - best) < 1e-6 * (1 + best));
        assert_int_equal(hit.dynamic, which);
        if (which < 0)
            continue;
        dynamic++;
        const scene_triangle *t = &s->meshes[in[which].mesh].triangles[hit.triangle];
        assert_int_equal(hit.tag, in[which].tag ? in[which].tag : t->tag);
        assert_int_equal(hit.instance, in[which].id ? in[which].id : t->instance);
    }
    assert_true(dynamic > 40);
    scene_destroy(s);
}

static void ground_sees_only_the_tags_it_is_asked_for(void **state)
{
    (void)state;
    scene *s = random_scene(2, 300);
    int covered = 0;
    for (uint64_t k = 0; k < 400; k++) {
        base_random d = base_random_start(3, "ground", k, 0);
        double x = base_random_range(&d, -50, 50), y = base_random_range(&d, -50, 50);
        scene_hit any, ground;
        assert_true(scene_ground(s, x, y, 30, UINT32_MAX, &any));
        assert_true(scene_ground(s, x, y, 30, 1u << SCENE_TAG_GROUND, &ground));
        assert_int_equal(ground.tag, SCENE_TAG_GROUND);
        assert_true(fabs(ground.point.z) < 1e-9);
        assert_true(any.point.z >= ground.point.z - 1e-9);
        covered += any.tag != SCENE_TAG_GROUND;
    }
    assert_true(covered > 20);
    assert_false(scene_ground(s, 500, 0, 30, UINT32_MAX, NULL)); /* beyond the world */
    assert_false(scene_ground(s, 1, 2, -5, UINT32_MAX, NULL));   /* below it */
    scene_destroy(s);
}

/* Closest distance between a box and random points of a triangle: a lower bound on "touches" by sampling. */
static bool sampled_touch(const scene_box *box, const base_vec3 p[3], double grow)
{
    for (int i = 0; i <= 40; i++)
        for (int j = 0; j + i <= 40; j++) {
            double u = i / 40.0, v = j / 40.0;
            base_vec3 x = base_vec3_add(base_vec3_scale(p[0], 1 - u - v),
                                        base_vec3_add(base_vec3_scale(p[1], u), base_vec3_scale(p[2], v)));
            base_vec3 l = base_pose_to_local(&box->pose, x);
            if (fabs(l.x) <= box->extent.x + grow && fabs(l.y) <= box->extent.y + grow && fabs(l.z) <= box->extent.z + grow)
                return true;
        }
    return false;
}

static void boxes_touch_what_sampling_says(void **state)
{
    (void)state;
    scene *s = random_scene(5, 250);
    uint32_t ignore = 1u << SCENE_TAG_GROUND;
    int touching = 0, apart = 0;
    for (uint64_t k = 0; k < 250; k++) {
        base_random d = base_random_start(6, "box", k, 0);
        scene_box box = { { { base_random_range(&d, -50, 50), base_random_range(&d, -50, 50), base_random_range(&d, 0, 8) },
                            { base_random_range(&d, -60, 60), base_random_range(&d, -180, 180),
                              base_random_range(&d, -60, 60) } },
                          { base_random_range(&d, 0.2, 3), base_random_range(&d, 0.2, 2), base_random_range(&d, 0.2, 2) } };
        scene_hit hit = { 0 };
        bool found = scene_box_hit(s, &box, ignore, &hit), sure = false, possible = false;
        assert_int_equal(found, scene_box_hit(s, &box, ignore, NULL));
        for (uint32_t t = 0; t < s->world.triangle_count; t++) {
            const scene_triangle *tri = &s->world.triangles[t];
            if (tri->tag == SCENE_TAG_GROUND || (tri->flags & SCENE_THIN))
                continue;
            base_vec3 p[3] = { corner(&s->world, t, 0), corner(&s->world, t, 1), corner(&s->world, t, 2) };
            double reach = base_vec3_length(box.extent) + 12;
            if (base_vec3_length(base_vec3_sub(p[0], box.pose.location)) > reach)
                continue;
            sure = sure || sampled_touch(&box, p, 0);
            possible = possible || sampled_touch(&box, p, 0.3); /* samples are at most about 0.25 m apart */
        }
        if (sure && !found)
            fail_msg("box %d: a sample lies inside, scene_box_hit says no", (int)k);
        if (!possible && found)
            fail_msg("box %d: nothing within 0.3 m, scene_box_hit says triangle %u", (int)k, hit.triangle);
        touching += found;
        apart += !found;
        if (found)
            assert_true(s->world.triangles[hit.triangle].tag == hit.tag && hit.tag != SCENE_TAG_GROUND);
    }
    assert_true(touching > 40 && apart > 40);
    scene_destroy(s);
}

static void box_pairs_overlap_exactly_when_they_should(void **state)
{
    (void)state;
    const scene_box unit = { { { 0, 0, 0 }, { 0, 0, 0 } }, { 1, 1, 1 } };
    static const struct {
        scene_box b;
        bool overlap;
        const char *why;
    } cases[] = {
        { { { { 1.999, 0, 0 }, { 0, 0, 0 } }, { 1, 1, 1 } }, true, "faces overlap by a millimetre" },
        { { { { 2.001, 0, 0 }, { 0, 0, 0 } }, { 1, 1, 1 } }, false, "a millimetre apart" },
        { { { { 2.40, 0, 0 }, { 0, 45, 0 } }, { 1, 1, 1 } }, true, "an edge reaches 1.414" },
        { { { { 2.42, 0, 0 }, { 0, 45, 0 } }, { 1, 1, 1 } }, false, "an edge reaches 1.414 only" },
        { { { { 1.72, 1.72, 0 }, { 0, 45, 0 } }, { 1, 1, 1 } },
          false,
          "a face against an edge: corner 1.414 + face 1 = 2.414 < 2.432" },
        { { { { 1.70, 1.70, 0 }, { 0, 45, 0 } }, { 1, 1, 1 } }, true, "the same, 2.404" },
        { { { { 0, 0, 0 }, { 10, 20, 30 } }, { 0.1, 0.1, 0.1 } }, true, "one inside the other" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        if (scene_boxes_overlap(&unit, &cases[k].b) != cases[k].overlap ||
            scene_boxes_overlap(&cases[k].b, &unit) != cases[k].overlap)
            fail_msg("case %zu (%s): wanted %d", k, cases[k].why, cases[k].overlap);
    /* Against sampling: any point of b inside a means overlap; boxes grown apart by their diagonals never do. */
    for (uint64_t k = 0; k < 3000; k++) {
        base_random d = base_random_start(8, "pair", k, 0);
        scene_box b = { { { base_random_range(&d, -3, 3), base_random_range(&d, -3, 3), base_random_range(&d, -3, 3) },
                          { base_random_range(&d, -90, 90), base_random_range(&d, -180, 180),
                            base_random_range(&d, -90, 90) } },
                        { base_random_range(&d, 0.1, 2), base_random_range(&d, 0.1, 2), base_random_range(&d, 0.1, 2) } };
        bool inside = false, beside = false;
        for (int i = 0; i < 9 * 9 * 9; i++) {
            base_vec3 l = { b.extent.x * (i % 9 / 4.0 - 1), b.extent.y * (i / 9 % 9 / 4.0 - 1),
                            b.extent.z * (i / 81 / 4.0 - 1) };
            base_vec3 w = base_pose_to_world(&b.pose, l);
            inside = inside || (fabs(w.x) <= 1 && fabs(w.y) <= 1 && fabs(w.z) <= 1);
            beside = beside || (fabs(w.x) <= 1.5 && fabs(w.y) <= 1.5 && fabs(w.z) <= 1.5);
        }
        bool overlap = scene_boxes_overlap(&unit, &b);
        if ((inside && !overlap) || (!beside && overlap))
            fail_msg("pair %d: sampling says inside %d, within half a metre %d; got %d", (int)k, inside, beside, overlap);
    }
}

static void every_triangle_is_in_one_chunk_that_contains_it(void **state)
{
    (void)state;
    scene *s = random_scene(11, 400);
    uint32_t next = 0, next_vertex = 0;
    assert_true(s->chunk_count > 9);
    for (uint32_t c = 0; c < s->chunk_count; c++) {
        const scene_chunk *k = &s->chunks[c];
        assert_int_equal(k->first_triangle, next);
        assert_int_equal(k->first_vertex, next_vertex);
        for (uint32_t t = k->first_triangle; t < k->first_triangle + k->triangle_count; t++)
            for (int i = 0; i < 3; i++) {
                uint32_t v = s->world.triangles[t].vertex[i];
                assert_true(v >= k->first_vertex && v < k->first_vertex + k->vertex_count);
                for (int a = 0; a < 3; a++) {
                    assert_true(s->world.vertices[v].position[a] >= k->bounds.lo[a]);
                    assert_true(s->world.vertices[v].position[a] <= k->bounds.hi[a]);
                }
            }
        next += k->triangle_count;
        next_vertex += k->vertex_count;
    }
    assert_int_equal(next, s->world.triangle_count);
    assert_int_equal(next_vertex, s->world.vertex_count);
    scene_destroy(s);
}

/* Solids must show their fronts outwards: the renderer draws nothing from behind. */
static void solids_face_outwards(void **state)
{
    (void)state;
    scene_mesh m = { 0 };
    base_pose at = { { 3, -2, 5 }, { 20, 130, -40 } };
    scene_mesh_box(&m, &at, (base_vec3){ 1, 2, 0.5 }, true, (scene_surface){ 0 });
    uint32_t box_end = m.triangle_count;
    scene_mesh_tube(&m, (base_vec3){ 1, 1, 1 }, (base_vec3){ 2, 4, 3 }, 0.5, 0.3, 9, true, (scene_surface){ 0 });
    assert_int_equal(box_end, 12);
    for (uint32_t t = 0; t < m.triangle_count; t++) {
        base_vec3 p[3], c = t < box_end ? at.location : (base_vec3){ 1.5, 2.5, 2 };
        for (int k = 0; k < 3; k++) {
            const float *v = m.vertices[m.triangles[t].vertex[k]].position;
            p[k] = (base_vec3){ v[0], v[1], v[2] };
        }
        base_vec3 n = base_vec3_cross(base_vec3_sub(p[1], p[0]), base_vec3_sub(p[2], p[0]));
        assert_true(base_vec3_dot(n, base_vec3_sub(p[0], c)) > 0);
        for (int k = 0; k < 3; k++) { /* and so do the normals for light */
            const int16_t *q = m.vertices[m.triangles[t].vertex[k]].normal;
            assert_true(base_vec3_dot(n, (base_vec3){ q[0], q[1], q[2] }) > 0);
        }
    }
    scene_mesh_free(&m);
}

/* Enough triangles for subtrees: the same tree with and without a pool, and it finds what a walk over all triangles finds. */
static void pools_build_the_same_hierarchy(void **state)
{
    (void)state;
    enum { COUNT = 30000 };
    scene *made[2];
    base_error err;
    base_pool *pool = base_pool_create(3, &err);
    assert_non_null(pool);
    for (int i = 0; i < 2; i++) {
        base_random r = base_random_start(1, "hierarchy", 0, 0);
        scene_mesh m = { 0 };
        for (int k = 0; k < COUNT; k++) { /* two clusters, one of them far denser */
            double size = k % 3 ? 10 : 400, x = base_random_range(&r, 0, size), y = base_random_range(&r, 0, size);
            base_vec3 at = { x, y, base_random_range(&r, 0, 20) }, up = { 0, 0, 1 };
            uint32_t v = scene_mesh_vertex(&m, at, up, 0, 0, 1);
            scene_mesh_vertex(&m, (base_vec3){ x + base_random_range(&r, 0, 1), y, at.z }, up, 0, 0, 1);
            scene_mesh_vertex(&m, (base_vec3){ x, y + base_random_range(&r, 0, 1), at.z }, up, 0, 0, 1);
            scene_mesh_triangle(&m, v, v + 1, v + 2, (scene_surface){ 0, SCENE_TAG_ROADS, 0, (uint32_t)k });
        }
        assert_non_null(made[i] = scene_create(&err));
        assert_true(scene_add_static(made[i], &m, &err) && scene_finish(made[i], 0, i ? pool : NULL, &err));
    }
    const scene_part *a = &made[0]->world, *b = &made[1]->world;
    assert_int_equal(a->node_count, b->node_count);
    assert_memory_equal(a->nodes, b->nodes, a->node_count * sizeof *a->nodes);
    assert_memory_equal(a->order, b->order, a->triangle_count * sizeof *a->order);
    bool *seen =
        calloc(COUNT, sizeof *seen); /* from the root on, each triangle is in one leaf, and every box holds what is below */
    uint32_t stack[128] = { 0 };
    for (int top = 1; top > 0;) {
        const scene_node *n = &a->nodes[stack[--top]];
        for (uint32_t k = 0; k < (n->count ? n->count : 2); k++) {
            if (n->count == 0) {
                const scene_bounds *child = &a->nodes[n->first + k].bounds;
                for (int d = 0; d < 3; d++)
                    assert_true(n->bounds.lo[d] <= child->lo[d] && child->hi[d] <= n->bounds.hi[d]);
                assert_in_range(top, 0, 127);
                stack[top++] = n->first + k;
                continue;
            }
            uint32_t t = a->order[n->first + k];
            assert_false(seen[t]);
            seen[t] = true;
            for (int v = 0; v < 9; v++) {
                float x = a->vertices[a->triangles[t].vertex[v / 3]].position[v % 3];
                assert_true(n->bounds.lo[v % 3] <= x && x <= n->bounds.hi[v % 3]);
            }
        }
    }
    for (int t = 0; t < COUNT; t++)
        assert_true(seen[t]);
    free(seen);
    base_pool_destroy(pool);
    scene_destroy(made[0]);
    scene_destroy(made[1]);
}

static void an_empty_scene_works(void **state)
{
    (void)state;
    base_error err;
    scene *s = scene_create(&err);
    assert_non_null(s);
    assert_true(scene_finish(s, 0, NULL, &err));
    assert_false(scene_ray(s, NULL, 0, (base_vec3){ 0, 0, 0 }, (base_vec3){ 1, 0, 0 }, 100, NULL));
    assert_false(scene_box_hit(s, &(scene_box){ .extent = { 1, 1, 1 } }, 0, NULL));
    scene_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rays_agree_with_a_loop_over_all_triangles),
        cmocka_unit_test(rays_hit_moved_and_scaled_instances),
        cmocka_unit_test(ground_sees_only_the_tags_it_is_asked_for),
        cmocka_unit_test(boxes_touch_what_sampling_says),
        cmocka_unit_test(box_pairs_overlap_exactly_when_they_should),
        cmocka_unit_test(every_triangle_is_in_one_chunk_that_contains_it),
        cmocka_unit_test(solids_face_outwards),
        cmocka_unit_test(pools_build_the_same_hierarchy),
        cmocka_unit_test(an_empty_scene_works),
    };
    return cmocka_run_group_tests_name("scene", tests, NULL, NULL);
}
