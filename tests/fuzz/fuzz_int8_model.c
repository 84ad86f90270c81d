/* An int8 model from any bytes: an error that names the file, or a network that labels an image with classes it has. */
#include "quant/quant.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error err = { 0 };
    quant_model *q = quant_model_parse(data, size, "input", &err);
    if (!q) {
        if (!strstr(err.text, "input"))
            abort();
        return 0;
    }
    enum { SIDE = 16 };
    int channels = quant_model_about(q)->net.channels, classes = quant_model_about(q)->classes.count;
    uint8_t *image = calloc((size_t)SIDE * SIDE * channels, 1), mask[SIDE * SIDE];
    quant_session *s = quant_session_create(q, SIDE, SIDE, 1, 0, &err); /* scalar: the sanitizers see every access */
    if (s) {
        quant_session_run(s, image, mask, NULL);
        for (int i = 0; i < SIDE * SIDE; i++)
            if (mask[i] >= classes)
                abort();
    }
    quant_session_destroy(s);
    quant_model_destroy(q);
    free(image);
    return 0;
}
