/* A client on libwebsockets that talks in lines: lines HOST PORT
 * Each line of standard input is sent as a text message; each message that comes is printed as a line. */
#include <libwebsockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lws_context *context;
static struct lws *connection;
static int status = 1;
static int over;

/* The line that waits to be sent; `input_ended` asks for the close. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sent = PTHREAD_COND_INITIALIZER;
static char *line;
static size_t line_length;
static int line_waits;
static int input_ended;

static void *read_lines(void *unused)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t length;

    (void)unused;
    while ((length = getline(&text, &room, stdin)) > 0) {
        if (text[length - 1] == '\n')
            length--;
        pthread_mutex_lock(&lock);
        free(line);
        line = malloc(LWS_PRE + length + 1);
        memcpy(line + LWS_PRE, text, length);
        line_length = length;
        line_waits = 1;
        lws_cancel_service(context);
        while (line_waits)
            pthread_cond_wait(&sent, &lock);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_lock(&lock);
    input_ended = 1;
    pthread_mutex_unlock(&lock);
    lws_cancel_service(context);
    return NULL;
}

static int lines(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                 size_t length)
{
    pthread_t reader;
    int result = 0;

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        fprintf(stderr, "no connection: %s\n", in ? (char *)in : "no reason");
        over = 1;
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        connection = wsi;
        printf("open\n");
        fflush(stdout);
        if (pthread_create(&reader, NULL, read_lines, NULL))
            return -1;
        pthread_detach(reader);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        fwrite(in, 1, length, stdout);
        if (lws_is_final_fragment(wsi)) {
            fputc('\n', stdout);
            fflush(stdout);
        }
        break;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        if (connection)
            lws_callback_on_writable(connection);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        pthread_mutex_lock(&lock);
        if (line_waits) {
            if (lws_write(wsi, (unsigned char *)line + LWS_PRE, line_length, LWS_WRITE_TEXT) < 0)
                result = -1;
            line_waits = 0;
            pthread_cond_signal(&sent);
        } else if (input_ended) {
            lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
            status = 0;
            result = -1;
        }
        pthread_mutex_unlock(&lock);
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        over = 1;
        break;
    default:
        break;
    }
    return result;
}

int main(int argc, char **argv)
{
    struct lws_protocols protocols[] = {
        {.name = "lines", .callback = lines, .rx_buffer_size = 65536},
        {0},
    };
    struct lws_context_creation_info info;
    struct lws_client_connect_info to;

    if (argc != 3)
        return 2;
    lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    context = lws_create_context(&info);
    if (!context)
        return 1;
    memset(&to, 0, sizeof to);
    to.context = context;
    to.address = argv[1];
    to.port = atoi(argv[2]);
    to.path = "/";
    to.host = argv[1];
    to.origin = argv[1];
    to.local_protocol_name = "lines";
    if (!lws_client_connect_via_info(&to))
        return 1;
    while (!over && lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return status;
}
