/* base/geom.h — vectors and poses in CARLA's frame, in double.
 *
 * CARLA's world is left-handed: x forward (east), y right (south), z up; metres. Angles in degrees: yaw positive clockwise
 * seen from above, pitch positive nose up, roll positive right side down. Rotation matrix columns = forward, right, up
 * of the rotated frame (c/s = cos/sin of yaw y, pitch p, roll r):
 *
 *     | cp*cy   cy*sp*sr - sy*cr   -cy*sp*cr - sy*sr |
 *     | cp*sy   sy*sp*sr + cy*cr   -sy*sp*cr + cy*sr |
 *     | sp      -cp*sr              cp*cr            | */
#ifndef BASE_GEOM_H
#define BASE_GEOM_H
#include <math.h>

#define BASE_PI       3.14159265358979323846
#define BASE_RAD(deg) ((deg) * (BASE_PI / 180.0))
#define BASE_DEG(rad) ((rad) * (180.0 / BASE_PI))

typedef struct base_vec3 {
    double x, y, z;
} base_vec3;
typedef struct base_rotation {
    double pitch_deg, yaw_deg, roll_deg;
} base_rotation;
typedef struct base_pose {
    base_vec3 location;
    base_rotation rotation;
} base_pose;
typedef struct base_mat3 {
    double m[3][3];
} base_mat3; /* row, column */

static inline base_vec3 base_vec3_add(base_vec3 a, base_vec3 b) { return (base_vec3){ a.x + b.x, a.y + b.y, a.z + b.z }; }
static inline base_vec3 base_vec3_sub(base_vec3 a, base_vec3 b) { return (base_vec3){ a.x - b.x, a.y - b.y, a.z - b.z }; }
static inline base_vec3 base_vec3_scale(base_vec3 a, double k) { return (base_vec3){ a.x * k, a.y * k, a.z * k }; }
static inline double base_vec3_dot(base_vec3 a, base_vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline base_vec3 base_vec3_cross(base_vec3 a, base_vec3 b)
{
    return (base_vec3){ a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x };
}
static inline double base_vec3_length(base_vec3 a) { return sqrt(base_vec3_dot(a, a)); }

base_mat3 base_rotation_matrix(base_rotation r);
base_vec3 base_mat3_apply(const base_mat3 *m, base_vec3 v);         /* m v */
base_vec3 base_mat3_apply_inverse(const base_mat3 *m, base_vec3 v); /* m^T v */
base_vec3 base_pose_to_world(const base_pose *p, base_vec3 local);  /* R v + location */
base_vec3 base_pose_to_local(const base_pose *p, base_vec3 world);  /* R^T (v - location) */
/* The child's pose in the world when `relative` is given in the parent's frame. */
base_pose base_pose_compose(const base_pose *parent, const base_pose *relative);
base_rotation base_rotation_from_matrix(const base_mat3 *m); /* angles in (-180, 180] */
double base_wrap_deg(double deg);                            /* into (-180, 180] */
double base_wrap_rad(double rad);                            /* into (-pi, pi] */
#endif
