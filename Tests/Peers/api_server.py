"""Serves the functions of schema api over HTTP, for tests: the layer that a platform would have.

    api_server.py DOCUMENT CONNECTION COMPANY

DOCUMENT is what `almanac init --openapi` prints, CONNECTION a string for libpq, COMPANY whom the
caller belongs to. Prints the port of 127.0.0.1 that it listens on and serves until its input ends.
"""

import json
import re
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
from psycopg import sql

document = json.load(open(sys.argv[1], encoding="utf-8"))
local = threading.local()
routes = []
for path, item in document["paths"].items():
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    routes.append((pattern, item["get"]))


def answer(operation, inputs):
    """The status and body of a call whose arguments are texts, converted by the server."""
    known = {p["name"]: p.get("x-almanac-argument", p["name"]) for p in operation["parameters"]}
    pairs = [(known[name], values) for name, values in inputs.items() if name in known]
    if any(len(values) > 1 for _, values in pairs):
        return 400, {"sqlstate": "22023", "message": "a parameter is given twice"}
    schema, function = operation["x-almanac-function"].split(".")
    call = sql.SQL("SELECT {}({})::text").format(
        sql.Identifier(schema, function),
        sql.SQL(", ").join(
            sql.SQL("{} => %s").format(sql.Identifier(name)) for name, _ in pairs))
    if not hasattr(local, "connection"):
        local.connection = psycopg.connect(sys.argv[2], autocommit=True)
    try:
        with local.connection.transaction():
            local.connection.execute(
                "SELECT set_config('almanac.company_id', %s, true)", [sys.argv[3]])
            row = local.connection.execute(call, [values[0] for _, values in pairs]).fetchone()
            return 200, row[0]
    except psycopg.Error as error:
        state = error.sqlstate or "22021"  # a NUL or a lone surrogate is refused by the driver
        for status, response in operation["responses"].items():
            if state.startswith(tuple(response.get("x-almanac-sqlstates", ["-"]))):
                return int(status), {"sqlstate": state, "message": error.diag.message_primary or ""}
        return 500, {"sqlstate": state, "message": ""}
    except UnicodeEncodeError:
        return 400, {"sqlstate": "22021", "message": "a text is no Unicode"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        status, body = 404, {"sqlstate": "", "message": "there is no such path"}
        for pattern, operation in routes:
            if match := pattern.fullmatch(url.path):
                inputs = urllib.parse.parse_qs(url.query, keep_blank_values=True)
                inputs |= {k: [urllib.parse.unquote(v)] for k, v in match.groupdict().items()}
                status, body = answer(operation, inputs)
        self.reply(status, body)

    def refuse(self):
        self.reply(405, {"sqlstate": "", "message": "only GET"}, allow="GET")

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_HEAD = do_QUERY = refuse

    def reply(self, status, body, allow=None):
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        if allow:
            self.send_header("Allow", allow)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        self.close_connection = True

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
