#include "base/geom.h"

base_mat3 base_rotation_matrix(base_rotation r)
{
    double cy = cos(BASE_RAD(r.yaw_deg)), sy = sin(BASE_RAD(r.yaw_deg));
    double cp = cos(BASE_RAD(r.pitch_deg)), sp = sin(BASE_RAD(r.pitch_deg));
    double cr = cos(BASE_RAD(r.roll_deg)), sr = sin(BASE_RAD(r.roll_deg));
    return (base_mat3){ { { cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr },
                          { cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr },
                          { sp, -cp * sr, cp * cr } } };
}

base_vec3 base_mat3_apply(const base_mat3 *m, base_vec3 v)
{
    return (base_vec3){ m->m[0][0] * v.x + m->m[0][1] * v.y + m->m[0][2] * v.z,
                        m->m[1][0] * v.x + m->m[1][1] * v.y + m->m[1][2] * v.z,
                        m->m[2][0] * v.x + m->m[2][1] * v.y + m->m[2][2] * v.z };
}

base_vec3 base_mat3_apply_inverse(const base_mat3 *m, base_vec3 v)
{
    return (base_vec3){ m->m[0][0] * v.x + m->m[1][0] * v.y + m->m[2][0] * v.z,
                        m->m[0][1] * v.x + m->m[1][1] * v.y + m->m[2][1] * v.z,
                        m->m[0][2] * v.x + m->m[1][2] * v.y + m->m[2][2] * v.z };
}

base_vec3 base_pose_to_world(const base_pose *p, base_vec3 local)
{
    base_mat3 m = base_rotation_matrix(p->rotation);
    return base_vec3_add(base_mat3_apply(&m, local), p->location);
}

base_vec3 base_pose_to_local(const base_pose *p, base_vec3 world)
{
    base_mat3 m = base_rotation_matrix(p->rotation);
    return base_mat3_apply_inverse(&m, base_vec3_sub(world, p->location));
}

base_rotation base_rotation_from_matrix(const base_mat3 *m)
{
    double sp = m->m[2][0] > 1.0 ? 1.0 : m->m[2][0] < -1.0 ? -1.0 : m->m[2][0];
    base_rotation r = { .pitch_deg = BASE_DEG(asin(sp)) };
    if (fabs(sp) < 1.0 - 1e-12) {
        r.yaw_deg = BASE_DEG(atan2(m->m[1][0], m->m[0][0]));
        r.roll_deg = BASE_DEG(atan2(-m->m[2][1], m->m[2][2]));
    } else { /* looking straight up or down: yaw and roll turn about the same axis, so roll is chosen 0 */
        r.yaw_deg = BASE_DEG(atan2(-m->m[0][1], m->m[1][1]));
    }
    return r;
}

base_pose base_pose_compose(const base_pose *parent, const base_pose *relative)
{
    base_mat3 a = base_rotation_matrix(parent->rotation), b = base_rotation_matrix(relative->rotation), c;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            c.m[i][j] = a.m[i][0] * b.m[0][j] + a.m[i][1] * b.m[1][j] + a.m[i][2] * b.m[2][j];
    return (base_pose){ base_vec3_add(base_mat3_apply(&a, relative->location), parent->location),
                        base_rotation_from_matrix(&c) };
}

double base_wrap_deg(double deg)
{
    double r = fmod(deg, 360.0);
    return r > 180.0 ? r - 360.0 : r <= -180.0 ? r + 360.0 : r;
}

double base_wrap_rad(double rad)
{
    double r = fmod(rad, 2.0 * BASE_PI);
    return r > BASE_PI ? r - 2.0 * BASE_PI : r <= -BASE_PI ? r + 2.0 * BASE_PI : r;
}
