/*
 * What the real libxlutil makes of config texts, for the differential test of our parser.
 *
 * stdin: any number of texts, each as a native 32-bit length and that many bytes.
 * stdout: one line of JSON per text: null when libxlu refuses it, else an object that holds each
 * of the settings a, b and c that exist. Bytes above 0x7e are written as \u00XX.
 */
#include <libxlutil.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void put_string(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
            printf("\\u%04x", *p);
        else
            putchar(*p);
    }
    putchar('"');
}

static void put_list(XLU_Config *config, const XLU_ConfigList *list)
{
    XLU_ConfigValue *value;

    putchar('[');
    for (int i = 0; (value = xlu_cfg_get_listitem2(list, i)); i++) {
        char *text;
        XLU_ConfigList *inner;

        if (i > 0)
            putchar(',');
        if (!xlu_cfg_value_get_string(config, value, &text, 1))
            put_string(text);
        else if (!xlu_cfg_value_get_list(config, value, &inner, 1))
            put_list(config, inner);
    }
    putchar(']');
}

static void put_config(XLU_Config *config)
{
    static const char *const names[] = { "a", "b", "c" };
    const char *separator = "";

    putchar('{');
    for (int i = 0; i < 3; i++) {
        const char *text;
        XLU_ConfigList *list;

        if (!xlu_cfg_get_string(config, names[i], &text, 1)) {
            printf("%s\"%s\":", separator, names[i]);
            put_string(text);
        } else if (!xlu_cfg_get_list(config, names[i], &list, 0, 1)) {
            printf("%s\"%s\":", separator, names[i]);
            put_list(config, list);
        } else {
            continue;
        }
        separator = ",";
    }
    puts("}");
}

int main(void)
{
    FILE *report = fopen("/dev/null", "w");
    uint32_t length;

    while (fread(&length, sizeof(length), 1, stdin) == 1) {
        char *text = malloc(length + 1);
        XLU_Config *config = xlu_cfg_init(report, "text");

        if (!report || !text || !config || fread(text, 1, length, stdin) != length)
            return 1;
        if (xlu_cfg_readdata(config, text, (int)length))
            puts("null");
        else
            put_config(config);
        xlu_cfg_destroy(config);
        free(text);
    }
    return 0;
}
