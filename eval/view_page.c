/* The page's own files, taken into the program as they stand in eval/page (paths are from the root, where make runs). */
#ifdef EVAL_VIEW_BUILT
#include "eval/view_internal.h"
#include <string.h>

#define TAKE_IN(NAME, FILE)                                                                                                    \
    __asm__(".pushsection .rodata\n"                                                                                           \
            "eval_view_" #NAME "_begin:\n.incbin \"" FILE "\"\n"                                                               \
            "eval_view_" #NAME "_end:\n"                                                                                       \
            ".popsection\n");                                                                                                  \
    extern const unsigned char eval_view_##NAME##_begin[], eval_view_##NAME##_end[]

TAKE_IN(html, "eval/page/index.html");
TAKE_IN(css, "eval/page/view.css");
TAKE_IN(js, "eval/page/view.js");
TAKE_IN(icon, "eval/page/icon.svg");

bool eval_view_file(view_file *f, const char *path)
{
    const struct {
        const char *path, *type;
        const unsigned char *begin, *end;
    } files[] = { { "/", "text/html; charset=utf-8", eval_view_html_begin, eval_view_html_end },
                  { "/view.css", "text/css; charset=utf-8", eval_view_css_begin, eval_view_css_end },
                  { "/icon.svg", "image/svg+xml", eval_view_icon_begin, eval_view_icon_end },
                  { "/view.js", "text/javascript; charset=utf-8", eval_view_js_begin, eval_view_js_end } };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!strcmp(files[i].path, path)) {
            *f = (view_file){ files[i].type, files[i].begin, (size_t)(files[i].end - files[i].begin) };
            return true;
        }
    return false;
}
#endif
