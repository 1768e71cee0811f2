"""Turn a document of orders into a summary per customer: parse, group, write JSON."""

import hashlib
import json
from typing import Any

DEFAULT_ORDER_COUNT = 11_000
LARGEST_ORDER_COUNT = 100_000


def sample_orders(order_count: int) -> list[dict[str, Any]]:
    """Make orders that are the same in every run."""
    return [
        {
            "id": hashlib.sha256(str(number).encode()).hexdigest()[:12],
            "customer": f"customer-{number * 7919 % 400}",
            "placedAt": f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:00:00Z",
            "lines": [
                {"sku": f"sku-{number * item % 997}", "quantity": item + 1, "priceCents": 199 + number * item % 5000}
                for item in range(6)
            ],
        }
        for number in range(order_count)
    ]


# Made once for each execution environment: this is part of the cold start, not of the duration.
SAMPLE_DOCUMENT = json.dumps(sample_orders(DEFAULT_ORDER_COUNT))


def document_of(event: dict[str, Any]) -> str:
    if "orders" in event:
        if not isinstance(event["orders"], list):
            raise ValueError(f"'orders' must be a list of orders, not {type(event['orders']).__name__}")
        return json.dumps(event["orders"])
    if "orderCount" in event:
        count = event["orderCount"]
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= LARGEST_ORDER_COUNT:
            raise ValueError(f"'orderCount' must be a whole number from 1 to {LARGEST_ORDER_COUNT}, not {count!r}")
        return json.dumps(sample_orders(count))
    return SAMPLE_DOCUMENT


def summarize(orders: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    customers: dict[str, dict[str, Any]] = {}
    for order in orders:
        try:
            summary = customers.setdefault(order["customer"], {"orders": 0, "totalCents": 0, "months": {}, "skus": {}})
            summary["orders"] += 1
            month = order["placedAt"][:7]
            for line in order["lines"]:
                total_cents = line["quantity"] * line["priceCents"]
                summary["totalCents"] += total_cents
                summary["months"][month] = summary["months"].get(month, 0) + total_cents
                summary["skus"][line["sku"]] = summary["skus"].get(line["sku"], 0) + line["quantity"]
        except (KeyError, TypeError) as error:
            raise ValueError(
                "each order needs 'customer', 'placedAt' and 'lines' of sku, quantity, priceCents"
            ) from error
    return customers


def handler(event: Any, context: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object with 'orders' or 'orderCount', not {type(event).__name__}")
    customers = summarize(json.loads(document_of(event)))
    written = json.dumps(customers, sort_keys=True, indent=1)
    return {"customers": len(customers), "bytes": len(written), "sha256": hashlib.sha256(written.encode()).hexdigest()}
