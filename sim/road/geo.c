/* Where on Earth a map lies: its geoReference, and degrees for a location. Formulas: J. P. Snyder, Map Projections - A Working
 * Manual (USGS 1395, 1987), equations 7-1 to 7-5 (Mercator) and 8-1 to 8-7 (transverse Mercator), for the sphere. */
#include "sim/road/road_map.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EARTH_M 6378137.0 /* CARLA's radius, the equatorial one of WGS 84 */
#define SCALE   0.9996    /* of CARLA 0.9.16 along the central meridian, whatever +k says */

#define RELEASE_TRANSVERSE 16 /* the first to project by a transverse Mercator */

/* "+lat_0=49 +lon_0=8" within a proj string; CARLA's defaults when either is missing. */
void road_geo_read(road_map *m, const char *text, locale_t c_locale)
{
    const char *lat = strstr(text, "+lat_0="), *lon = strstr(text, "+lon_0=");
    double a = NAN, b = NAN;
    if (lat && lon) {
        a = strtod_l(lat + 7, NULL, c_locale);
        b = strtod_l(lon + 7, NULL, c_locale);
    }
    bool good = isfinite(a) && isfinite(b) && fabs(a) < 90 && fabs(b) <= 360;
    m->latitude_deg = good ? a : 42;
    m->longitude_deg = good ? b : 2;
}

base_vec3 road_map_geolocation(const road_map *m, int release, base_vec3 at)
{
    double lat0 = BASE_RAD(m->latitude_deg), lon0 = BASE_RAD(m->longitude_deg), lat, lon;
    if (release >= RELEASE_TRANSVERSE) {
        double x = at.x / (SCALE * EARTH_M), d = at.y / (SCALE * EARTH_M) + lat0;
        lat = asin(sin(d) / cosh(x));
        lon = lon0 + atan2(sinh(x), cos(d));
    } else {
        double scale = cos(lat0) * EARTH_M, north = log(tan(BASE_PI / 4 + lat0 / 2)) - at.y / scale;
        lat = 2 * atan(exp(north)) - BASE_PI / 2;
        lon = lon0 + at.x / scale;
    }
    return (base_vec3){ BASE_DEG(lat), BASE_DEG(lon), at.z };
}

base_vec3 road_map_location(const road_map *m, int release, base_vec3 geo)
{
    double lat0 = BASE_RAD(m->latitude_deg), lon0 = BASE_RAD(m->longitude_deg), lat = BASE_RAD(geo.x), lon = BASE_RAD(geo.y);
    if (release >= RELEASE_TRANSVERSE) {
        double east = cos(lat) * sin(lon - lon0), d = atan2(tan(lat), cos(lon - lon0));
        return (base_vec3){ SCALE * EARTH_M * atanh(east), SCALE * EARTH_M * (d - lat0), geo.z };
    }
    double scale = cos(lat0) * EARTH_M;
    double north = log(tan(BASE_PI / 4 + lat / 2)) - log(tan(BASE_PI / 4 + lat0 / 2));
    return (base_vec3){ scale * (lon - lon0), -scale * north, geo.z };
}
