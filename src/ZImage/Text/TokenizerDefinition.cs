namespace ZImage.Text;

/// <summary>What a tokenizer's files say, checked: every merge and every byte symbol is in the vocabulary, and no id names two tokens.</summary>
internal sealed class TokenizerDefinition
{
    // Four times the largest vocabularies in use; bounds the tables that a broken file can ask for.
    private const int MaxId = 1 << 20;

    private const string Hint = "Use the tokenizer folder of the checkpoint's own Qwen text encoder; download it again if it is broken.";

    private readonly List<string?> tokens = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> vocabularyBySpan;

    /// <summary>Creates an empty definition.</summary>
    /// <param name="source">File that errors name.</param>
    internal TokenizerDefinition(string source)
    {
        Source = source;
        vocabularyBySpan = Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>File that errors name.</summary>
    internal string Source { get; }

    /// <summary>Token in byte symbols to id.</summary>
    internal Dictionary<string, int> Vocabulary { get; } = new(StringComparer.Ordinal);

    /// <summary>Pair of ids to what it becomes.</summary>
    internal Dictionary<ulong, Merge> Merges { get; } = [];

    /// <summary>Added tokens by text.</summary>
    internal Dictionary<string, AddedToken> AddedTokens { get; } = new(StringComparer.Ordinal);

    /// <summary>Id to token text; null where an id is not used.</summary>
    internal IReadOnlyList<string?> Tokens => tokens;

    /// <summary>Normalise to form C first.</summary>
    internal bool Normalize { get; set; }

    /// <summary>How text is cut into pieces.</summary>
    internal SplitPattern Pattern { get; set; }

    /// <summary>A piece that is a token as a whole is not built from merges.</summary>
    internal bool IgnoreMerges { get; set; }

    /// <summary>The error for a fault in the files.</summary>
    internal static ModelFormatException Fault(string file, string message, Exception? innerException = null) =>
        new($"{file}: {message}", Hint, innerException);

    /// <summary>Adds a vocabulary entry.</summary>
    /// <exception cref="ModelFormatException">The token or the id is there already, or the id is out of range.</exception>
    internal void AddVocabulary(string token, int id)
    {
        if (!Vocabulary.TryAdd(token, id))
        {
            throw Fault(Source, $"the vocabulary has \"{Shorten(token)}\" twice.");
        }

        Claim(token, id, Source);
    }

    /// <summary>Adds a merge; the vocabulary must be complete.</summary>
    /// <param name="joined">What the merge makes: its left part and its right part.</param>
    /// <param name="leftLength">Length of the left part in UTF-16 units.</param>
    /// <param name="rank">Position in the merge list.</param>
    /// <exception cref="ModelFormatException">A part or the result is not in the vocabulary.</exception>
    internal void AddMerge(ReadOnlySpan<char> joined, int leftLength, int rank)
    {
        ReadOnlySpan<char> left = joined[..leftLength], right = joined[leftLength..];
        if (!vocabularyBySpan.TryGetValue(left, out int leftId) || !vocabularyBySpan.TryGetValue(right, out int rightId)
            || !vocabularyBySpan.TryGetValue(joined, out int id))
        {
            throw Fault(Source, $"merge {rank} joins \"{Shorten(left.ToString())}\" and \"{Shorten(right.ToString())}\", but the vocabulary lacks one of them or what they make.");
        }

        Merges[BytePairEncoder.Pair(leftId, rightId)] = new Merge(rank, id);
    }

    /// <summary>Adds an added token; one without text is ignored.</summary>
    /// <exception cref="ModelFormatException">Its id or text contradicts an earlier entry.</exception>
    internal void AddToken(AddedToken token, string file)
    {
        if (token.Content.Length == 0)
        {
            return;
        }

        if (Vocabulary.TryGetValue(token.Content, out int id) && id != token.Id)
        {
            throw Fault(file, $"the added token \"{Shorten(token.Content)}\" has id {token.Id} but id {id} in the vocabulary.");
        }

        if (!AddedTokens.TryAdd(token.Content, token))
        {
            throw Fault(file, $"the added token \"{Shorten(token.Content)}\" is listed twice.");
        }

        Claim(token.Content, token.Id, file);
    }

    /// <summary>Checks what can be checked only at the end.</summary>
    /// <exception cref="ModelFormatException">A byte symbol is missing.</exception>
    internal void Complete()
    {
        for (int value = 0; value < 256; value++)
        {
            if (!Vocabulary.ContainsKey(ByteSymbols.Symbol((byte)value).ToString()))
            {
                throw Fault(Source, $"the vocabulary lacks the symbol of byte 0x{value:X2}, so it is not a byte-level one.");
            }
        }
    }

    /// <summary>A text cut to what an error message can show.</summary>
    internal static string Shorten(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 57), "...");

    private void Claim(string token, int id, string file)
    {
        if (id is < 0 or >= MaxId)
        {
            throw Fault(file, $"\"{Shorten(token)}\" has id {id}; ids run from 0 to {MaxId - 1}.");
        }

        while (tokens.Count <= id)
        {
            tokens.Add(null);
        }

        if (tokens[id] is string other && other != token)
        {
            throw Fault(file, $"id {id} names both \"{Shorten(other)}\" and \"{Shorten(token)}\".");
        }

        tokens[id] = token;
    }
}
