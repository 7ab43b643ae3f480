using System.Runtime.InteropServices;
using System.Text;

namespace ZImage.Text;

/// <summary>
/// Qwen's byte-level BPE tokenizer, exact to the id against Hugging Face's `tokenizers`. It is our own and not Microsoft.ML.Tokenizers, because that one splits
/// with .NET's Regex over UTF-16 units (letters above U+FFFF split wrongly), leaves normalisation to the platform and pulls in a Protobuf runtime.
/// </summary>
/// <remarks>
/// Order of work, as in the reference: added tokens are found in the raw text, also inside a user's prompt; the text between them is normalised (NFC),
/// cut into pieces by the stored pattern, and each piece's UTF-8 bytes are merged by rank. Unpaired surrogates count as U+FFFD. Safe for concurrent use.
/// </remarks>
public sealed class Qwen2Tokenizer
{
    private readonly TokenizerDefinition definition;
    private readonly AddedTokenMatcher rawTokens;
    private readonly AddedTokenMatcher? normalizedTokens;
    private readonly PreTokenizer preTokenizer;
    private readonly BytePairEncoder encoder;

    private Qwen2Tokenizer(TokenizerDefinition definition)
    {
        this.definition = definition;
        rawTokens = new AddedTokenMatcher(definition.AddedTokens.Values.Where(t => !t.Normalized).Select(t => (t.Content, t)));
        if (definition.AddedTokens.Values.Any(t => t.Normalized))
        {
            normalizedTokens = new AddedTokenMatcher(definition.AddedTokens.Values.Where(t => t.Normalized).Select(t => (Normalize(t.Content), t)));
        }

        preTokenizer = new PreTokenizer(definition.Pattern);
        encoder = new BytePairEncoder(definition);
    }

    /// <summary>Number of ids: the highest id and one. The text encoder's embedding table has at least as many rows.</summary>
    public int VocabularySize => definition.Tokens.Count;

    /// <summary>Loads a tokenizer folder: tokenizer.json, or else vocab.json, merges.txt and the added tokens of tokenizer_config.json or added_tokens.json.</summary>
    /// <param name="folder">The checkpoint's tokenizer/ folder.</param>
    /// <exception cref="ModelFormatException">Files are missing, broken, or describe a tokenizer of another kind; the message names file, key and value.</exception>
    public static Qwen2Tokenizer Load(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return new Qwen2Tokenizer(TokenizerFolder.Read(folder));
    }

    /// <summary>Loads tokenizer.json from memory.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <param name="file">Name for errors.</param>
    internal static Qwen2Tokenizer Parse(ReadOnlyMemory<byte> json, string file) => new(TokenizerJson.Parse(json, file));

    /// <summary>The ids of a text [tokens]; no template, nothing added, nothing cut.</summary>
    /// <param name="text">Any text; unpaired surrogates count as U+FFFD.</param>
    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        string wellFormed = ReplaceLoneSurrogates(text);
        foreach (AddedTokenMatcher.Segment segment in rawTokens.Split(wellFormed))
        {
            if (segment.Token is not null)
            {
                ids.Add(segment.Token.Id);
                continue;
            }

            string normalized = Normalize(wellFormed.Substring(segment.Start, segment.Length));
            if (normalizedTokens is null)
            {
                EncodeText(normalized, ids);
                continue;
            }

            foreach (AddedTokenMatcher.Segment inner in normalizedTokens.Split(normalized))
            {
                if (inner.Token is not null)
                {
                    ids.Add(inner.Token.Id);
                }
                else
                {
                    EncodeText(normalized.AsSpan(inner.Start, inner.Length), ids);
                }
            }
        }

        return ids;
    }

    /// <summary>The text of ids, special tokens included. Bytes that are no valid UTF-8, such as half of a character, become U+FFFD.</summary>
    /// <param name="ids">Ids [tokens].</param>
    /// <exception cref="ArgumentOutOfRangeException">An id that no token has.</exception>
    public string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new List<byte>();
        foreach (int id in ids)
        {
            string token = (uint)id < (uint)definition.Tokens.Count && definition.Tokens[id] is string known
                ? known
                : throw new ArgumentOutOfRangeException(nameof(ids), id, $"No token has the id {id}; the vocabulary has {VocabularySize}.");
            if (definition.AddedTokens.ContainsKey(token))
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(token));
            }
            else
            {
                ByteSymbols.AppendBytes(token, bytes);
            }
        }

        return Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes));
    }

    /// <summary>The id of a token: an added token's text, or a vocabulary entry in byte symbols ("Ġ" for a space).</summary>
    /// <param name="token">The token.</param>
    /// <returns>The id; null if there is no such token.</returns>
    public int? TokenId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return definition.AddedTokens.TryGetValue(token, out AddedToken? added) ? added.Id
            : definition.Vocabulary.TryGetValue(token, out int id) ? id
            : null;
    }

    /// <summary>A prompt's ids inside the chat template, cut at the end as PyTorch's pipeline cuts them.</summary>
    /// <param name="prompt">The user's text. A special token's text in it becomes that token.</param>
    /// <param name="maxLength">Largest number of ids, template included; at least 1.</param>
    public PromptTokens Tokenize(string prompt, int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 1);
        string text = ChatTemplate.Format(prompt);
        IReadOnlyList<int> ids = Encode(text);
        return ids.Count <= maxLength
            ? new PromptTokens(ids, text, 0, "")
            : new PromptTokens([.. ids.Take(maxLength)], text, ids.Count - maxLength, Decode(ids.Skip(maxLength)));
    }

    private void EncodeText(ReadOnlySpan<char> text, List<int> ids)
    {
        while (!text.IsEmpty)
        {
            int length = preTokenizer.NextPiece(text);
            encoder.Encode(text[..length], ids);
            text = text[length..];
        }
    }

    private string Normalize(string text) => definition.Normalize ? NfcNormalizer.Normalize(text) : text;

    private static string ReplaceLoneSurrogates(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            // The enumerator yields U+FFFD for each unpaired unit.
            result.Append(rune);
        }

        return result.ToString();
    }
}
