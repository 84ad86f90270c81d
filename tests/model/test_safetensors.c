/* The safetensors reader and writer: round trip, the exact bytes, and files that are cut, bent or made up. */
#include "base/file.h"
#include "base/random.h"
#include "model/safetensors.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

/* length, then a header padded with spaces to a multiple of 8, then data */
static size_t make_file(unsigned char *out, const char *header, const void *data, size_t data_bytes)
{
    size_t n = strlen(header), padded = (n + 7) / 8 * 8;
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    memset(out + 8, ' ', padded);
    memcpy(out + 8, header, n);
    memcpy(out + 8 + padded, data, data_bytes);
    return 8 + padded + data_bytes;
}

static void test_round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/laneloop-safetensors-XXXXXX";
    int fd = mkstemp(path);
    base_error err;
    float a[6] = { 1, 2, 3, 4, 5, 6 }, b[6];
    int8_t c[3] = { -1, 0, 127 };
    int64_t count = 77, back;
    assert_true(fd >= 0);
    close(fd);
    model_tensor tensors[] = {
        model_tensor_make("count", MODEL_I64, 0, (int64_t[]){ 0 }, &count),
        model_tensor_make("a.weight", MODEL_F32, 2, (int64_t[]){ 2, 3 }, a),
        model_tensor_make("empty", MODEL_F32, 1, (int64_t[]){ 0 }, a),
        model_tensor_make("c", MODEL_I8, 1, (int64_t[]){ 3 }, c),
    };
    model_metadata about = { "format", "pt" };
    if (!model_safetensors_write(path, tensors, 4, &about, 1, &err))
        fail_msg("%s", err.text);
    model_safetensors s;
    if (!model_safetensors_read(&s, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(s.count, 4);
    assert_true(model_safetensors_get(&s, "a.weight", MODEL_F32, 2, (int64_t[]){ 2, 3 }, b, &err));
    assert_memory_equal(a, b, sizeof a);
    assert_true(model_safetensors_get(&s, "count", MODEL_I64, 0, (int64_t[]){ 0 }, &back, &err));
    assert_int_equal(back, 77);
    assert_memory_equal(model_safetensors_find(&s, "c")->data, c, 3);
    assert_int_equal(((const unsigned char *)model_safetensors_find(&s, "count")->data - s.file) % 8, 0);

    assert_false(model_safetensors_get(&s, "a.weight", MODEL_F32, 2, (int64_t[]){ 3, 2 }, b, &err));
    assert_non_null(strstr(err.text, "tensor a.weight: expected F32 [3,2], found F32 [2,3]"));
    assert_false(model_safetensors_get(&s, "b", MODEL_F32, 1, (int64_t[]){ 3 }, b, &err));
    assert_non_null(strstr(err.text, "has no tensor b"));
    model_safetensors_free(&s);
    unlink(path);
}

/* The bytes that the format's own library writes for one tensor. */
static void test_bytes(void **state)
{
    (void)state;
    char path[] = "/tmp/laneloop-safetensors-XXXXXX";
    int fd = mkstemp(path);
    base_error err;
    float x[2] = { 1, -2 };
    model_tensor t = model_tensor_make("x", MODEL_F32, 1, (int64_t[]){ 2 }, x);
    unsigned char want[128], *got;
    size_t bytes, n = make_file(want, "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", x, sizeof x);
    close(fd);
    assert_true(model_safetensors_write(path, &t, 1, NULL, 0, &err) && base_file_read(path, 4096, &got, &bytes, &err));
    assert_int_equal(bytes, n);
    assert_memory_equal(got, want, n);
    free(got);
    unlink(path);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *expected, *why;
    } cases[] = {
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, "within 4 bytes", "offsets past the end" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "does not fit", "shape larger than the file" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "its shape needs 4",
          "shape and offsets disagree" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8, "does not fit",
          "a product that overflows" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 8, "does not fit", "a negative side" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]}}", 8, "does not fit", "half an element" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "at most 8 sizes", "rank 9" },
        { "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "type \"F16\"", "a type that is not read" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}}", 8, "[begin, end]", "begin after end" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "begins at byte 4", "a gap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "cover 4 bytes",
          "bytes that belong to nothing" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          4, "no overlap", "two tensors in one place" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
          0, "\"a\"", "a name twice" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"shape\"", "no shape" },
        { "{\"a\":7}", 0, "an object", "no description" },
        { "[]", 0, "not a JSON object", "an array" },
        { "{\"a\"", 0, "expected", "a header that ends early" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char file[512], data[8] = { 0 };
        model_safetensors s;
        base_error err;
        size_t n = make_file(file, cases[i].header, data, cases[i].data_bytes);
        if (model_safetensors_parse(&s, file, n, "bad.safetensors", &err))
            fail_msg("%s was accepted", cases[i].why);
        if (!strstr(err.text, cases[i].expected) || !strstr(err.text, "bad.safetensors"))
            fail_msg("%s: '%s' does not say '%s'", cases[i].why, err.text, cases[i].expected);
    }
    unsigned char huge[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };
    model_safetensors s;
    base_error err;
    assert_false(model_safetensors_parse(&s, huge, sizeof huge, "huge", &err));
    assert_non_null(strstr(err.text, "header of 9223372036854775807 bytes"));
    assert_false(model_safetensors_parse(&s, huge, 3, "short", &err));
}

/* Every cut of a good file is refused; a flipped bit is refused or changes a value, and never more than that. */
static void test_cut_and_bent(void **state)
{
    (void)state;
    unsigned char file[512], bent[512];
    float data[4] = { 1, 2, 3, 4 };
    size_t n = make_file(file,
                         "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                         "\"b.c\":{\"dtype\":\"U8\",\"shape\":[2,4],\"data_offsets\":[8,16]}}",
                         data, sizeof data);
    model_safetensors s;
    for (size_t cut = 0; cut < n; cut++)
        if (model_safetensors_parse(&s, file, cut, "cut", NULL))
            fail_msg("a file of %zu bytes cut at %zu was accepted", n, cut);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(bent, file, n);
        bent[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (!model_safetensors_parse(&s, bent, n, "bent", NULL))
            continue;
        for (size_t i = 0; i < s.count; i++)
            assert_true((const unsigned char *)s.tensors[i].data + s.tensors[i].bytes <= s.file + s.file_bytes);
        model_safetensors_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_cut_and_bent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
