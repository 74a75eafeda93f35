"""A radix tree over prompts: which beginnings have their keys and values in the cache. Pure.

Everything is counted in pages: an edge of the tree holds whole pages, and a prompt matches in whole
pages, so that large pages find less. Pages on the path of a running request are locked; the others
are evicted, least recently used first, when room is needed.

Tokens are a byte string of `TOKEN_BYTES` for each token, so that comparing is one `memcmp`.
"""

import heapq

TOKEN_BYTES = 4


class Node:
    """An edge of the tree and what hangs below it."""

    __slots__ = ("children", "key", "locks", "offered", "parent", "used")

    def __init__(self, key: bytes, parent: "Node | None") -> None:
        self.key = key
        self.parent = parent
        """None for the root, and for a node that was evicted."""
        self.children: dict[bytes, Node] = {}
        self.locks = 0
        """Running requests whose path leads through this node."""
        self.used = 0
        """The turn in which it was last part of a match."""
        self.offered = False
        """Whether it stands in the row for eviction."""


class PrefixCache:
    """The tree."""

    def __init__(self, page_size: int) -> None:
        self._page = page_size * TOKEN_BYTES
        self._root = Node(b"", None)
        self._turn = 0
        self._leaves: list[tuple[int, int, Node]] = []
        self._offers = 0
        self.pages = 0
        """Pages in the tree."""
        self.evictable = 0
        """Those of them that no running request locks."""

    def match(self, tokens: bytes, start: Node | None = None, pages: int = 0) -> tuple[Node, int]:
        """Return the end of the longest known beginning of `tokens`, and its length in pages.

        Args:
            tokens: a prompt.
            start: where the search begins; None: at the root.
            pages: pages of `tokens` on the path to `start`.
        """
        self._turn += 1
        page = self._page
        node, offset = start or self._root, pages * page
        while (child := node.children.get(tokens[offset : offset + page])) is not None:
            shared = self._shared(child.key, tokens, offset)
            if shared < len(child.key):
                child = self._split(child, shared)
            child.used = self._turn
            offset += shared
            node = child
        return node, offset // page

    def insert(self, tokens: bytes, start: Node | None = None, pages: int = 0) -> tuple[Node, int]:
        """Add all whole pages of `tokens`, of which `pages` are known to lead to `start`.

        Returns:
            The end of their path, and how many of the pages were new.
        """
        whole = len(tokens) // self._page * self._page
        node, known = self.match(tokens[:whole], start, pages)
        offset = known * self._page
        if offset == whole:
            return node, 0
        child = Node(tokens[offset:whole], node)
        child.used = self._turn
        node.children[child.key[: self._page]] = child
        added = len(child.key) // self._page
        self.pages += added
        self.evictable += added
        self._offer(child)
        return child, added

    def lock(self, node: Node) -> None:
        """Keep the path to `node` from eviction."""
        while node.parent is not None:
            if node.locks == 0:
                self.evictable -= len(node.key) // self._page
            node.locks += 1
            node = node.parent

    def unlock(self, node: Node) -> None:
        """Undo one `lock`."""
        while node.parent is not None:
            node.locks -= 1
            if node.locks == 0:
                self.evictable += len(node.key) // self._page
                self._offer(node)
            node = node.parent

    def evict(self, pages: int) -> int:
        """Drop unlocked leaves until `pages` are free, and return how many were dropped."""
        dropped = 0
        while dropped < pages and self._leaves:
            used, _, node = heapq.heappop(self._leaves)
            node.offered = False
            parent = node.parent
            if parent is None or node.children or node.locks:
                continue
            if used != node.used:
                self._offer(node)
                continue
            dropped += len(node.key) // self._page
            del parent.children[node.key[: self._page]]
            node.parent = None
            parent.used = max(parent.used, node.used)
            self._offer(parent)
        self.pages -= dropped
        self.evictable -= dropped
        return dropped

    def _offer(self, node: Node) -> None:
        evictable = node.parent is not None and not node.children and not node.locks
        if evictable and not node.offered:
            node.offered = True
            self._offers += 1
            heapq.heappush(self._leaves, (node.used, self._offers, node))

    def _shared(self, key: bytes, tokens: bytes, offset: int) -> int:
        """Return how many bytes of `key`, in whole pages, stand in `tokens` at `offset`."""
        if tokens.startswith(key, offset):
            return len(key)
        low, high = 1, min(len(key), len(tokens) - offset) // self._page
        while low < high:
            middle = (low + high + 1) // 2
            if tokens.startswith(key[: middle * self._page], offset):
                low = middle
            else:
                high = middle - 1
        return low * self._page

    def _split(self, node: Node, length: int) -> Node:
        """Cut the edge to `node` after `length` bytes and return the node at the cut."""
        parent = node.parent
        assert parent is not None
        upper = Node(node.key[:length], parent)
        upper.locks, upper.used = node.locks, node.used
        parent.children[upper.key[: self._page]] = upper
        node.key, node.parent = node.key[length:], upper
        upper.children[node.key[: self._page]] = node
        return upper
