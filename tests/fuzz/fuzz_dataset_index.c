/* dataset.json and episode lines from any bytes. The first byte picks: 0 dataset.json, else a line. What is accepted must
 * encode to text that is accepted again. The seeds in tests/golden/corpus are dataset.json and a line of a drawn set. */
#include "dataset/format.h"
#include "dataset/classes.h"
#include <stdlib.h>
#include <string.h>

static void try_info(const char *text, size_t size)
{
    dataset_info info, again;
    base_buffer out = { 0 };
    base_error err = { 0 };
    if (dataset_info_decode(&info, text, size, "dataset.json", &err) &&
        (!dataset_info_encode(&out, &info, NULL, &err) ||
         !dataset_info_decode(&again, (char *)out.data, out.bytes, "again", &err)))
        abort();
    base_buffer_free(&out);
}

static void try_line(const char *text, size_t size)
{
    static dataset_info info;
    if (!info.camera_count) {
        info.camera_count = 2;
        for (int i = 0; i < 2; i++)
            info.cameras[i] =
                (dataset_camera){ .name = "front", .width_px = 64, .height_px = 32, .fov_deg = 90, .has = { 1, 1, i } };
        strcpy(info.cameras[1].name, "rear");
        info.map_count = 1;
        strcpy(info.maps[0].name, "drawn");
        info.taxonomy = dataset_taxonomy_carla();
    }
    dataset_line line, again;
    base_buffer out = { 0 };
    base_error err = { 0 };
    const char *end = memchr(text, '\n', size); /* the reader cuts lines there */
    size = end ? (size_t)(end - text) : size;
    if (dataset_line_decode(&line, &info, text, size, "line", 1, &err)) {
        line.frame.map = line.map;
        line.frame.weather = line.weather;
        if (!dataset_line_encode(&out, &info, &line.frame, line.files, line.frame.file_count, &err))
            abort();
        /* huge numbers may print longer than a line may be; anything else must be readable */
        if (out.bytes <= 4096 && !dataset_line_decode(&again, &info, (char *)out.data, out.bytes - 1, "again", 1, &err))
            if (!strstr(err.text, "at most 63"))
                abort();
    } else if (strncmp(err.text, "line:1: ", 8))
        abort();
    base_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 0)
        try_info((const char *)data + 1, size - 1);
    else if (size)
        try_line((const char *)data + 1, size - 1);
    return 0;
}
