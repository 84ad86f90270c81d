/* The skeleton of a walker: CARLA's bones, a gait, and the pose that a client lays over it.
 *
 * Names and tree are CARLA's (its tutorial on walker bones). Its meshes are not public as data, so lengths are those of an average body as
 * shares of the walker's height, and at rest every bone's frame is parallel to the walker's: x forward, y right, z up, root
 * between the feet. Transforms relative to the parent therefore read as plain angles; those of an Unreal walker, whose bones
 * point along their own x axis, do not carry over.
 *
 * The gait follows the phase of the stride and the speed: thighs swing, knees and elbows bend, arms swing against the legs, the
 * hips rise and sink. A client's pose is kept as a whole skeleton: bones that it did not name are frozen as they were at
 * that moment. The pose shown is gait + blend * (client's pose - gait), place by place and axis by axis. */
#include "sim/town/internal.h"
#include <stdlib.h>
#include <string.h>

static const struct bone {
    const char *name;
    int parent;   /* comes before; -1 for the root */
    double at[3]; /* from the parent, in shares of the height */
} bones[] = {
    { "crl_root", -1, { 0, 0, 0 } },
    { "crl_hips__C", 0, { 0, 0, 0.53 } },
    { "crl_spine__C", 1, { 0, 0, 0.06 } },
    { "crl_spine01__C", 2, { -0.005, 0, 0.12 } },
    { "crl_shoulder__L", 3, { 0, -0.02, 0.105 } },
    { "crl_arm__L", 4, { -0.005, -0.085, 0 } },
    { "crl_foreArm__L", 5, { 0, -0.015, -0.165 } },
    { "crl_hand__L", 6, { 0.01, -0.005, -0.145 } },
    { "crl_handThumb__L", 7, { 0.02, 0, -0.018 } },
    { "crl_handThumb01__L", 8, { 0.004, 0, -0.0132 } },
    { "crl_handThumb02__L", 9, { 0, 0, -0.009 } },
    { "crl_handThumbEnd__L", 10, { 0, 0, -0.0072 } },
    { "crl_handIndex__L", 7, { 0.02, 0, -0.05 } },
    { "crl_handIndex01__L", 12, { 0, 0, -0.022 } },
    { "crl_handIndex02__L", 13, { 0, 0, -0.015 } },
    { "crl_handIndexEnd__L", 14, { 0, 0, -0.012 } },
    { "crl_handMiddle__L", 7, { 0.007, 0, -0.05 } },
    { "crl_handMiddle01__L", 16, { 0, 0, -0.0242 } },
    { "crl_handMiddle02__L", 17, { 0, 0, -0.0165 } },
    { "crl_handMiddleEnd__L", 18, { 0, 0, -0.0132 } },
    { "crl_handRing__L", 7, { -0.006, 0, -0.05 } },
    { "crl_handRing01__L", 20, { 0, 0, -0.022 } },
    { "crl_handRing02__L", 21, { 0, 0, -0.015 } },
    { "crl_handRingEnd__L", 22, { 0, 0, -0.012 } },
    { "crl_handPinky__L", 7, { -0.018, 0, -0.05 } },
    { "crl_handPinky01__L", 24, { 0, 0, -0.0176 } },
    { "crl_handPinky02__L", 25, { 0, 0, -0.012 } },
    { "crl_handPinkyEnd__L", 26, { 0, 0, -0.0096 } },
    { "crl_neck__C", 3, { 0, 0, 0.13 } },
    { "crl_Head__C", 28, { 0.01, 0, 0.045 } },
    { "crl_eye__L", 29, { 0.05, -0.018, 0.05 } },
    { "crl_eye__R", 29, { 0.05, 0.018, 0.05 } },
    { "crl_shoulder__R", 3, { 0, 0.02, 0.105 } },
    { "crl_arm__R", 32, { -0.005, 0.085, 0 } },
    { "crl_foreArm__R", 33, { 0, 0.015, -0.165 } },
    { "crl_hand__R", 34, { 0.01, 0.005, -0.145 } },
    { "crl_handThumb__R", 35, { 0.02, 0, -0.018 } },
    { "crl_handThumb01__R", 36, { 0.004, 0, -0.0132 } },
    { "crl_handThumb02__R", 37, { 0, 0, -0.009 } },
    { "crl_handThumbEnd__R", 38, { 0, 0, -0.0072 } },
    { "crl_handIndex__R", 35, { 0.02, 0, -0.05 } },
    { "crl_handIndex01__R", 40, { 0, 0, -0.022 } },
    { "crl_handIndex02__R", 41, { 0, 0, -0.015 } },
    { "crl_handIndexEnd__R", 42, { 0, 0, -0.012 } },
    { "crl_handMiddle__R", 35, { 0.007, 0, -0.05 } },
    { "crl_handMiddle01__R", 44, { 0, 0, -0.0242 } },
    { "crl_handMiddle02__R", 45, { 0, 0, -0.0165 } },
    { "crl_handMiddleEnd__R", 46, { 0, 0, -0.0132 } },
    { "crl_handRing__R", 35, { -0.006, 0, -0.05 } },
    { "crl_handRing01__R", 48, { 0, 0, -0.022 } },
    { "crl_handRing02__R", 49, { 0, 0, -0.015 } },
    { "crl_handRingEnd__R", 50, { 0, 0, -0.012 } },
    { "crl_handPinky__R", 35, { -0.018, 0, -0.05 } },
    { "crl_handPinky01__R", 52, { 0, 0, -0.0176 } },
    { "crl_handPinky02__R", 53, { 0, 0, -0.012 } },
    { "crl_handPinkyEnd__R", 54, { 0, 0, -0.0096 } },
    { "crl_thigh__L", 1, { 0, -0.052, -0.02 } },
    { "crl_leg__L", 56, { 0.002, 0, -0.245 } },
    { "crl_foot__L", 57, { -0.012, 0, -0.225 } },
    { "crl_toe__L", 58, { 0.075, 0, -0.03 } },
    { "crl_toeEnd__L", 59, { 0.04, 0, -0.005 } },
    { "crl_thigh__R", 1, { 0, 0.052, -0.02 } },
    { "crl_leg__R", 61, { 0.002, 0, -0.245 } },
    { "crl_foot__R", 62, { -0.012, 0, -0.225 } },
    { "crl_toe__R", 63, { 0.075, 0, -0.03 } },
    { "crl_toeEnd__R", 64, { 0.04, 0, -0.005 } },
};
_Static_assert(sizeof bones / sizeof bones[0] == TOWN_BONES, "the header counts the bones");
enum {
    HIPS_C = 1,
    SPINE_C = 2,
    ARM_L = 5,
    ARM_R = 33,
    FOREARM_L = 6,
    FOREARM_R = 34,
    THIGH_L = 56,
    THIGH_R = 61,
    LEG_L = 57,
    LEG_R = 62,
    FOOT_L = 58,
    FOOT_R = 63
};

struct town_bone_pose {
    base_pose relative[TOWN_BONES];
    double blend; /* 0 the gait alone, 1 the client's pose alone */
};

const char *town_bone_name(int bone) { return bones[bone].name; }

static void turn(base_pose *bone, double pitch_deg) { bone->rotation.pitch_deg = pitch_deg; }

/* Positive pitch swings what hangs down forward. */
static void gait(const town_actor *a, base_pose *relative)
{
    double height = 2 * a->box.extent.z, speed = hypot(a->velocity.x, a->velocity.y), effort = fmin(1, speed / 1.4);
    for (int i = 0; i < TOWN_BONES; i++)
        relative[i] = (base_pose){ { height * bones[i].at[0], height * bones[i].at[1], height * bones[i].at[2] }, { 0, 0, 0 } };
    double phase = 2 * BASE_PI * a->stride, swing = effort * (speed > 2.5 ? 40 : 26);
    const int thigh[2] = { THIGH_L, THIGH_R }, leg[2] = { LEG_L, LEG_R }, foot[2] = { FOOT_L, FOOT_R },
              arm[2] = { ARM_L, ARM_R }, fore[2] = { FOREARM_L, FOREARM_R };
    for (int side = 0; side < 2; side++) {
        double forward = sin(phase + side * BASE_PI),
               lift = fmax(0, cos(phase + side * BASE_PI)); /* lifted while it swings ahead */
        double knee = -effort * (6 + (speed > 2.5 ? 70 : 48) * lift);
        turn(&relative[thigh[side]], swing * forward);
        turn(&relative[leg[side]], knee);
        turn(&relative[foot[side]], -0.5 * (swing * forward + knee));
        turn(&relative[arm[side]], -0.8 * swing * forward);
        turn(&relative[fore[side]], effort * (speed > 2.5 ? 80 : 15));
    }
    relative[HIPS_C].location.z -= 0.012 * height * effort * (1 - cos(2 * phase));
    turn(&relative[SPINE_C], speed > 2.5 ? -6 : 0);
}

static base_vec3 column(const base_mat3 *m, int k) { return (base_vec3){ m->m[0][k], m->m[1][k], m->m[2][k] }; }

static base_vec3 mix(base_vec3 a, base_vec3 b, double share)
{
    return base_vec3_add(base_vec3_scale(a, 1 - share), base_vec3_scale(b, share));
}

/* The axes of both frames are mixed and made square again; frames that point against each other have no middle: b. */
static base_rotation mix_rotations(base_rotation a, base_rotation b, double share)
{
    base_mat3 from = base_rotation_matrix(a), to = base_rotation_matrix(b), m;
    base_vec3 x = mix(column(&from, 0), column(&to, 0), share), z = mix(column(&from, 2), column(&to, 2), share);
    if (base_vec3_length(x) < 1e-3)
        return b;
    x = base_vec3_scale(x, 1 / base_vec3_length(x));
    z = base_vec3_sub(z, base_vec3_scale(x, base_vec3_dot(x, z)));
    if (base_vec3_length(z) < 1e-3)
        return b;
    z = base_vec3_scale(z, 1 / base_vec3_length(z));
    base_vec3 y = base_vec3_cross(z, x); /* components as in a right-handed frame, whatever the frame's name */
    const base_vec3 axes[3] = { x, y, z };
    for (int k = 0; k < 3; k++) {
        m.m[0][k] = axes[k].x;
        m.m[1][k] = axes[k].y;
        m.m[2][k] = axes[k].z;
    }
    return base_rotation_from_matrix(&m);
}

static void shown(const town_actor *a, base_pose *relative)
{
    gait(a, relative);
    const struct town_bone_pose *p = a->bone_pose;
    if (!p || p->blend <= 0)
        return;
    for (int i = 0; i < TOWN_BONES; i++) {
        relative[i].location = mix(relative[i].location, p->relative[i].location, p->blend);
        relative[i].rotation =
            p->blend >= 1 ? p->relative[i].rotation : mix_rotations(relative[i].rotation, p->relative[i].rotation, p->blend);
    }
}

static town_actor *walker(const town_world *w, uint32_t id)
{
    town_actor *a = town_actor_find(w, id);
    return a && a->kind == TOWN_WALKER ? a : NULL;
}

bool town_bones_get(const town_world *w, uint32_t id, town_bone *out)
{
    const town_actor *a = walker(w, id);
    if (!a)
        return false;
    base_pose relative[TOWN_BONES], mesh = a->pose;
    shown(a, relative);
    mesh.location = base_pose_to_world(&a->pose, (base_vec3){ 0, 0, -a->box.extent.z });
    for (int i = 0; i < TOWN_BONES; i++) {
        out[i].name = bones[i].name;
        out[i].relative = relative[i];
        out[i].component = bones[i].parent < 0 ? relative[i] : base_pose_compose(&out[bones[i].parent].component, &relative[i]);
        out[i].world = base_pose_compose(&mesh, &out[i].component);
    }
    return true;
}

/* The client's pose, begun with what is shown when there is none yet. */
static struct town_bone_pose *pose_of(town_actor *a)
{
    if (!a->bone_pose)
        a->bone_pose = calloc(1, sizeof *a->bone_pose);
    return a->bone_pose;
}

static int find_bone(const char *name)
{
    for (int i = 0; i < TOWN_BONES; i++)
        if (!strcmp(bones[i].name, name))
            return i;
    return -1;
}

/* A body's bones stay within reach of it: no pose may throw the drawing of it out of the world. */
static bool sane(const base_pose *p) { return town_pose_is_sane(p) && base_vec3_length(p->location) < 100; }

bool town_bones_set(town_world *w, uint32_t id, const town_bone_setting *settings, size_t count, base_error *err)
{
    town_actor *a = walker(w, id);
    if (!a)
        return base_fail(err, BASE_ARGUMENT, "Actor is not a Walker");
    for (size_t i = 0; i < count; i++)
        if (find_bone(settings[i].name) >= 0 && !sane(&settings[i].relative))
            return base_fail(err, BASE_ARGUMENT, "bone %s: its transform is not finite, or 100 m and more from its parent",
                             settings[i].name);
    base_pose now[TOWN_BONES];
    shown(a, now);
    struct town_bone_pose *p = pose_of(a);
    if (!p)
        return base_fail(err, BASE_MEMORY, "out of memory for the pose of a walker");
    memcpy(p->relative, now, sizeof now);
    for (size_t i = 0; i < count; i++) {
        int bone = find_bone(settings[i].name); /* names that the skeleton has not are passed over, as by CARLA */
        if (bone >= 0)
            p->relative[bone] = settings[i].relative;
    }
    return true;
}

bool town_bones_blend(town_world *w, uint32_t id, double blend)
{
    town_actor *a = walker(w, id);
    if (!a)
        return false;
    base_pose now[TOWN_BONES];
    bool fresh = !a->bone_pose;
    shown(a, now);
    struct town_bone_pose *p = pose_of(a);
    if (!p)
        return false;
    if (fresh)
        memcpy(p->relative, now, sizeof now);
    p->blend = blend > 0 ? fmin(blend, 1) : 0;
    return true;
}

bool town_bones_capture(town_world *w, uint32_t id)
{
    town_actor *a = walker(w, id);
    base_pose now[TOWN_BONES];
    if (!a)
        return false;
    gait(a, now);
    struct town_bone_pose *p = pose_of(a);
    if (!p)
        return false;
    memcpy(p->relative, now, sizeof now);
    return true;
}
