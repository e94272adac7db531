"""`make smoke-aws`: a tiny environment on a real account, a transcript of its calls, and what the embedded AWS answers
otherwise."""
