"""The local engine: Qdrant Edge in a process of its own, behind the part of Qdrant's REST API that Freshet uses.

Run it with `python -m freshet.local.qdrant --folder DIR --port N`; talk to it with the official client.
docs/qdrant.md lists what it imitates and the tests that hold it to a real server.

    __main__.py     the process: command line, ready line, signals, end with the parent
    server.py       HTTP: key, body limit, envelope, errors as the server words them
    routes.py       the table of routes: one short function each
    bodies.py       request bodies, parsed by the official client's own models
    upkeep.py       flushes
    store.py        the folder: collections, aliases, lock, version
    collection.py   one collection: an Edge shard and its configuration beside it
    files.py        small files that are there whole or not at all
    config.py       a collection's configuration: to the engine, and back to clients
    updates.py, points.py, payload_indexes.py     writes
    queries.py, groups.py, filters.py, records.py  reads
    errors.py       what a request can be answered with instead of a result
"""
