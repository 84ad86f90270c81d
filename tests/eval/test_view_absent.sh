#!/usr/bin/env bash
# A build without libmicrohttpd or libjpeg still has the functions of the live page, and says what is missing. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/main.c" <<'EOF'
#include "eval/view.h"
#include <stdio.h>

int main(void)
{
    base_error err = { 0 };
    char libraries[128];
    eval_view_options o = eval_view_options_default();
    bool there = eval_view_libraries(libraries, sizeof libraries);
    eval_view *v = eval_view_create(NULL, &o, &err);
    printf("%d %d %d %s\n", there, v != NULL, err.code == BASE_UNSUPPORTED, err.text);
    eval_view_destroy(v);
    return 0;
}
EOF
# Nothing of the page may be needed: these three files are all there is to link.
cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. "$work/main.c" eval/view.c base/error.c -lm -o "$work/absent" >"$work/out" 2>&1
status=$?
if [ $status -eq 0 ]; then echo "ok 1 - builds without the libraries"; else
    echo "not ok 1 - builds without the libraries"
    sed 's/^/# /' "$work/out"
fi
"$work/absent" >"$work/out" 2>&1
if grep -qx '0 0 1 this build has no live page.*apt install libmicrohttpd-dev libjpeg62-turbo-dev, then build again' "$work/out"; then
    echo "ok 2 - says what is missing"
else
    echo "not ok 2 - says what is missing"
    sed 's/^/# /' "$work/out"
fi
echo "1..2"
