/* Bytes of the streaming port as the client reads them: frame, header, then by sensor. Byte 0 picks the release. */
#include "sim/wire/wire.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile unsigned sink; /* pixels must really be readable */

static void read_records(const wire_records *r)
{
    _Alignas(16) char record[512];
    if (r->type->bytes > sizeof record)
        abort();
    for (size_t i = 0; i < r->count; i++) {
        wire_record_read(record, r, i);
        sink += (unsigned char)record[0];
    }
}

static void read_message(const uint8_t *message, size_t bytes, wire_version version, wire_memory *m)
{
    wire_header h;
    wire_snapshot s;
    wire_image image;
    const uint8_t *pixels;
    size_t count;
    base_error err;
    if (!wire_header_read(&h, message, bytes, &err))
        return;
    if (wire_snapshot_read(&h, &s, &count, message, bytes, version, &err))
        for (size_t i = 0; i < count; i++) {
            wire_actor_state a;
            wire_vehicle_state v;
            wire_light_state l;
            wire_snapshot_actor(&a, message, i);
            wire_vehicle_state_read(&v, &a, version);
            wire_light_state_read(&l, &a);
            sink += v.control.reverse + l.pole_index;
        }
    if (wire_image_read(&h, &image, &pixels, message, bytes, version, &err))
        for (size_t i = 0, n = (size_t)image.width * image.height *
                               (size_t)wire_sensor_pixel_bytes(wire_sensor_from_index(h.sensor_type, version));
             i < n; i++)
            sink += pixels[i];
    wire_records channels, records;
    float angle;
    if (wire_lidar_read(&h, &angle, &channels, &records, message, bytes, version, &err)) {
        read_records(&channels);
        read_records(&records);
    }
    if (wire_radar_read(&h, &records, message, bytes, version, &err) ||
        wire_dvs_read(&h, &image, &records, message, bytes, version, &err) ||
        wire_v2x_read(&h, &records, message, bytes, version, &err))
        read_records(&records);
    wire_collision collision;
    wire_obstacle obstacle;
    wire_imu imu;
    wire_geo_location location;
    if (wire_object_read(&h, &wire_type_collision, &collision, message, bytes, version, m, &err))
        sink += (unsigned char)collision.other.description.id[0];
    if (wire_object_read(&h, &wire_type_obstacle, &obstacle, message, bytes, version, m, &err))
        sink += obstacle.self.id;
    if (wire_object_read(&h, &wire_type_imu, &imu, message, bytes, version, m, &err))
        sink += imu.compass > 0;
    if (wire_object_read(&h, &wire_type_geo_location, &location, message, bytes, version, m, &err))
        sink += location.altitude > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 1)
        return 0;
    wire_version version = (wire_version)(WIRE_VERSION_FIRST + data[0] % WIRE_VERSION_COUNT);
    wire_memory *m = wire_memory_create((size_t)16 << 20, NULL);
    for (data++, bytes--; bytes > WIRE_FRAME_PREFIX_BYTES;) {
        size_t payload;
        if (!wire_frame_look(data, bytes, 1 << 20, &payload, NULL) || payload > bytes - WIRE_FRAME_PREFIX_BYTES)
            break;
        /* A copy of its own size, so that the sanitizer sees a read behind the end. */
        uint8_t *copy = malloc(payload);
        if (!copy)
            break;
        for (size_t i = 0; i < payload; i++)
            copy[i] = data[WIRE_FRAME_PREFIX_BYTES + i];
        read_message(copy, payload, version, m);
        free(copy);
        wire_memory_reset(m);
        data += WIRE_FRAME_PREFIX_BYTES + payload;
        bytes -= WIRE_FRAME_PREFIX_BYTES + payload;
    }
    wire_memory_destroy(m);
    return 0;
}
