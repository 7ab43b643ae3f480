using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;

namespace ZImage.Text;

/// <summary>
/// Reads tokenizer.json of the `tokenizers` library, as far as byte-level BPE tokenizers of Qwen's kind use it. Whatever would give other ids than the ones
/// computed here is refused by name. Not read: truncation and padding (the caller's business), decoder, version.
/// </summary>
internal static class TokenizerJson
{
    /// <summary>Reads the file's bytes.</summary>
    /// <param name="bytes">Content of tokenizer.json.</param>
    /// <param name="file">Name for errors.</param>
    /// <exception cref="ModelFormatException">Broken, contradictory, or of another kind.</exception>
    internal static TokenizerDefinition Parse(ReadOnlyMemory<byte> bytes, string file) => JsonValue.Read(bytes, file, ReadRoot);

    /// <summary>One entry of added_tokens, or of tokenizer_config.json's added_tokens_decoder.</summary>
    internal static AddedToken ReadAddedToken(JsonValue token, int id)
    {
        bool special = token["special"].Flag();
        return new AddedToken(
            id,
            token["content"].Text(),
            special,
            token["single_word"].Flag(),
            token["lstrip"].Flag(),
            token["rstrip"].Flag(),
            token["normalized"].Flag(!special));
    }

    private static TokenizerDefinition ReadRoot(JsonValue root)
    {
        var definition = new TokenizerDefinition(root.File);
        ReadModel(root["model"], definition);
        if (!root["added_tokens"].IsNull)
        {
            foreach (JsonValue token in root["added_tokens"].Items())
            {
                definition.AddToken(ReadAddedToken(token, token["id"].Integer()), root.File);
            }
        }

        definition.Normalize = ReadNormalizer(root["normalizer"]);
        definition.Pattern = ReadPreTokenizer(root["pre_tokenizer"]);
        CheckPostProcessor(root["post_processor"]);
        definition.Complete();
        return definition;
    }

    private static void ReadModel(JsonValue model, TokenizerDefinition definition)
    {
        // Files before 2020 have no type; those with merges are BPE.
        if (!(model["type"].IsNull && !model["merges"].IsNull) && model["type"].Text() != "BPE")
        {
            throw model["type"].Unexpected("\"BPE\"");
        }

        model.AllowOnly(
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges");
        if (!model["dropout"].IsNull && !(model["dropout"].Element.ValueKind == JsonValueKind.Number && model["dropout"].Element.GetDouble() == 0))
        {
            throw model["dropout"].Unexpected("null");
        }

        if (!model["unk_token"].IsNull)
        {
            throw model["unk_token"].Unexpected("null: a byte-level vocabulary knows every byte");
        }

        foreach (string affix in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (!model[affix].IsNull && model[affix].Text().Length != 0)
            {
                throw model[affix].Unexpected("null or an empty text");
            }
        }

        if (model["byte_fallback"].Flag())
        {
            throw model["byte_fallback"].Unexpected("false");
        }

        definition.IgnoreMerges = model["ignore_merges"].Flag();
        ReadVocabulary(model["vocab"], definition);
        ReadMerges(model["merges"], definition);
    }

    /// <summary>An object of token to id.</summary>
    internal static void ReadVocabulary(JsonValue vocabulary, TokenizerDefinition definition)
    {
        JsonElement entries = vocabulary.Expect(JsonValueKind.Object, "an object of token to id");
        definition.Vocabulary.EnsureCapacity(entries.GetPropertyCount());
        foreach (JsonProperty entry in entries.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id))
            {
                throw new JsonValue(entry.Value, vocabulary.File, $"{vocabulary.Path}.{TokenizerDefinition.Shorten(entry.Name)}").Unexpected("an id");
            }

            definition.AddVocabulary(entry.Name, id);
        }
    }

    private static void ReadMerges(JsonValue merges, TokenizerDefinition definition)
    {
        JsonElement items = merges.Expect(JsonValueKind.Array, "a list of merges");
        definition.Merges.EnsureCapacity(items.GetArrayLength());
        int rank = 0;
        var joined = new char[256];
        foreach (JsonElement item in items.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == 2
                && item[0].ValueKind == JsonValueKind.String && item[1].ValueKind == JsonValueKind.String)
            {
                int left = Append(item[0], 0, ref joined);
                int both = Append(item[1], left, ref joined);
                definition.AddMerge(joined.AsSpan(0, both), left, rank);
            }
            else if (item.ValueKind != JsonValueKind.String || !AddLegacyMerge(item.GetString()!, rank, definition))
            {
                throw new JsonValue(item, merges.File, $"{merges.Path}[{rank}]").Unexpected("[\"left\", \"right\"] or \"left right\"");
            }

            rank++;
        }
    }

    // Puts a text behind the first characters of a buffer and returns the end. Without an object per text, since there are 300,000 of them.
    private static int Append(JsonElement text, int start, ref char[] buffer)
    {
        ReadOnlySpan<byte> quoted = JsonMarshal.GetRawUtf8Value(text);
        if (buffer.Length - start < quoted.Length)
        {
            Array.Resize(ref buffer, start + quoted.Length);
        }

        if (!quoted.Contains((byte)'\\')
            && Utf8.ToUtf16(quoted[1..^1], buffer.AsSpan(start), out _, out int written, replaceInvalidSequences: false) == OperationStatus.Done)
        {
            return start + written;
        }

        // Escapes, or bytes that are no UTF-8, for which this throws.
        string decoded = text.GetString()!;
        decoded.CopyTo(buffer.AsSpan(start));
        return start + decoded.Length;
    }

    /// <summary>A merge written as "left right"; false if it is not two parts.</summary>
    internal static bool AddLegacyMerge(string text, int rank, TokenizerDefinition definition)
    {
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0 || space == text.Length - 1 || text.IndexOf(' ', space + 1) >= 0)
        {
            return false;
        }

        definition.AddMerge(text.Remove(space, 1), space, rank);
        return true;
    }

    private static bool ReadNormalizer(JsonValue normalizer)
    {
        if (normalizer.IsNull)
        {
            return false;
        }

        switch (normalizer["type"].Text())
        {
            case "NFC":
                return true;
            case "Sequence":
                bool any = false;
                foreach (JsonValue part in normalizer["normalizers"].Items())
                {
                    any |= ReadNormalizer(part);
                }

                return any;
            default:
                throw normalizer["type"].Unexpected("\"NFC\" or a \"Sequence\" of it");
        }
    }

    private static SplitPattern ReadPreTokenizer(JsonValue preTokenizer)
    {
        if (preTokenizer.IsNull || preTokenizer["type"].Text() != "Sequence")
        {
            return ReadByteLevel(preTokenizer) ? SplitPattern.Gpt2 : throw preTokenizer["use_regex"].Unexpected("true where nothing else splits");
        }

        JsonValue[] parts = [.. preTokenizer["pretokenizers"].Items()];
        if (parts.Length != 2)
        {
            throw preTokenizer["pretokenizers"].Unexpected($"a Split and a ByteLevel, not {parts.Length} items");
        }

        SplitPattern pattern = ReadSplit(parts[0]);
        return ReadByteLevel(parts[1]) ? throw parts[1]["use_regex"].Unexpected("false after a Split") : pattern;
    }

    private static SplitPattern ReadSplit(JsonValue split)
    {
        if (split["type"].Text() != "Split")
        {
            throw split["type"].Unexpected("\"Split\"");
        }

        split.AllowOnly("type", "pattern", "behavior", "invert");
        if (split["behavior"].Text() != "Isolated")
        {
            throw split["behavior"].Unexpected("\"Isolated\"");
        }

        if (split["invert"].Flag())
        {
            throw split["invert"].Unexpected("false");
        }

        JsonValue pattern = split["pattern"]["Regex"];
        return SplitPatterns.Recognise(pattern.Text())
            ?? throw pattern.Unexpected("one of the patterns of GPT-2, Qwen2, Qwen3.5 or Llama 3");
    }

    // True if it splits by the GPT-2 pattern itself.
    private static bool ReadByteLevel(JsonValue byteLevel)
    {
        if (byteLevel["type"].Text() != "ByteLevel")
        {
            throw byteLevel["type"].Unexpected("\"ByteLevel\"");
        }

        byteLevel.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        // Both keys default to true in the library.
        if (byteLevel["add_prefix_space"].Flag(absent: true))
        {
            throw byteLevel["add_prefix_space"].Unexpected("false");
        }

        return byteLevel["use_regex"].Flag(absent: true);
    }

    private static void CheckPostProcessor(JsonValue postProcessor)
    {
        if (!postProcessor.IsNull && postProcessor["type"].Text() != "ByteLevel")
        {
            throw postProcessor["type"].Unexpected("\"ByteLevel\" or null: nothing that adds tokens");
        }
    }
}
