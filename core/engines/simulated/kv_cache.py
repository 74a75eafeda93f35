"""The paged KV cache of one replica: who holds which pages, and the radix tree over them. Pure.

A page is free, in the tree, or private to a running request. What a request shares through the
tree it locks; what it alone holds is private, the half-empty last page among it.
"""

from core.engines.simulated.prefix_cache import TOKEN_BYTES, PrefixCache
from core.engines.simulated.request import Request


class KvCache:
    """The pages of one replica."""

    def __init__(self, tokens: int, page_size: int, *, radix: bool) -> None:
        self.page_size = page_size
        self.capacity = tokens // page_size
        """In pages."""
        self.free = self.capacity
        self.tree = PrefixCache(page_size) if radix else None

    @property
    def available(self) -> int:
        """Pages that could be had: free ones, and evictable ones of the tree."""
        return self.free + (self.tree.evictable if self.tree else 0)

    @property
    def used_tokens(self) -> int:
        """Tokens in pages that running requests hold."""
        return (self.capacity - self.available) * self.page_size

    def known(self, request: Request) -> int:
        """Return how many tokens of the request's beginning are cached. One is always left."""
        if self.tree is None:
            return 0
        _, pages = self.tree.match(request.text[: (request.length - 1) * TOKEN_BYTES])
        return pages * self.page_size

    def attach(self, request: Request) -> None:
        """Give the request what the tree knows of its beginning, and lock it."""
        if self.tree is None:
            return
        request.node, request.shared = self.tree.match(
            request.text[: (request.length - 1) * TOKEN_BYTES]
        )
        self.tree.lock(request.node)
        request.computed = request.shared * self.page_size

    def reserve(self, pages: int) -> None:
        """Take free pages, after evicting what is missing of them.

        Raises:
            RuntimeError: there are not enough; the scheduler has miscounted.
        """
        if pages > self.free and self.tree is not None:
            self.free += self.tree.evict(pages - self.free)
        if pages > self.free:
            raise RuntimeError(f"{pages} pages wanted, {self.free} free")
        self.free -= pages

    def share(self, request: Request, tokens: int) -> None:
        """Put the request's first `tokens` tokens, as far as they fill pages, into the tree."""
        if self.tree is None or request.node is None:
            return
        beginning = request.text[: tokens * TOKEN_BYTES]
        node, added = self.tree.insert(beginning, request.node, request.shared)
        self.tree.lock(node)
        self.tree.unlock(request.node)
        moved = tokens // self.page_size - request.shared
        request.node = node
        request.shared += moved
        request.private -= moved
        self.free += moved - added

    def release(self, request: Request) -> None:
        """Take all pages back; those in the tree stay there, unlocked."""
        self.free += request.private
        request.private = request.shared = request.computed = 0
        if self.tree is not None and request.node is not None:
            self.tree.unlock(request.node)
            request.node = None

    def flush(self) -> None:
        """Forget every prefix. Only for a replica without requests."""
        if self.tree is not None:
            self.free += self.tree.evict(self.tree.pages)
