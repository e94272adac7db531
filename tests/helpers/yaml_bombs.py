"""Small YAML texts that stand for very many values."""

from __future__ import annotations

# Nine levels of nine: 319 bytes, 387 million values.
ALIAS_BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 9)
)
MERGE_BOMB = "m0: &m0 {k: v}\n" + "".join(
    f"m{level}: &m{level} {{<<: [{','.join([f'*m{level - 1}'] * 9)}]}}\n" for level in range(1, 9)
)
