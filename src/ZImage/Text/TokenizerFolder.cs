using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ZImage.Text;

/// <summary>Finds and reads the files of a tokenizer folder: tokenizer.json, or vocab.json and merges.txt with the added tokens beside them.</summary>
internal static class TokenizerFolder
{
    // The largest tokenizer.json in use has 33 MB.
    private const long MaxBytes = 256L << 20;

    /// <summary>Reads a folder.</summary>
    /// <exception cref="ModelFormatException">Files are missing, broken, or of another kind.</exception>
    internal static TokenizerDefinition Read(string folder)
    {
        if (folder.Length == 0)
        {
            throw new ModelFormatException("The path of the tokenizer's folder is empty.", "Name the folder that holds tokenizer.json.");
        }

        string json = Path.Combine(folder, "tokenizer.json");
        if (File.Exists(json))
        {
            return TokenizerJson.Parse(ReadBytes(json), json);
        }

        string vocabulary = Path.Combine(folder, "vocab.json"), merges = Path.Combine(folder, "merges.txt");
        if (!File.Exists(vocabulary) || !File.Exists(merges))
        {
            throw new ModelFormatException(
                $"{folder}: no tokenizer.json, and not both of vocab.json and merges.txt.",
                "Give the checkpoint's folder in diffusers layout; its tokenizer/ holds these files.");
        }

        return ReadVocabularyAndMerges(folder, vocabulary, merges);
    }

    // These files do not say how text is split: Qwen2's way is meant, which is checked where tokenizer_config.json names a class.
    private static TokenizerDefinition ReadVocabularyAndMerges(string folder, string vocabulary, string merges)
    {
        var definition = new TokenizerDefinition(vocabulary) { Normalize = true, Pattern = SplitPattern.Qwen2 };
        JsonValue.Read(ReadBytes(vocabulary), vocabulary, root =>
        {
            TokenizerJson.ReadVocabulary(root, definition);
            return true;
        });
        ReadMerges(ReadBytes(merges), merges, definition);

        string config = Path.Combine(folder, "tokenizer_config.json"), added = Path.Combine(folder, "added_tokens.json");
        bool found = File.Exists(config) && JsonValue.Read(ReadBytes(config), config, root => ReadConfig(root, definition));
        if (!found && File.Exists(added))
        {
            JsonValue.Read(ReadBytes(added), added, root => ReadAddedTokens(root, definition));
        }

        definition.Complete();
        return definition;
    }

    private static void ReadMerges(byte[] bytes, string file, TokenizerDefinition definition)
    {
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw TokenizerDefinition.Fault(file, "not valid UTF-8.", e);
        }

        int number = 0, rank = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().TrimStart('\uFEFF').EnumerateLines())
        {
            number++;
            if (line.IsEmpty || (number == 1 && line.StartsWith("#version")))
            {
                continue;
            }

            if (!TokenizerJson.AddLegacyMerge(line.ToString(), rank++, definition))
            {
                throw TokenizerDefinition.Fault(file, $"line {number} is \"{TokenizerDefinition.Shorten(line.ToString())}\"; expected two tokens with one space between.");
            }
        }
    }

    private static bool ReadConfig(JsonValue root, TokenizerDefinition definition)
    {
        JsonValue name = root["tokenizer_class"];
        if (!name.IsNull && name.Text() is not ("Qwen2Tokenizer" or "Qwen2TokenizerFast"))
        {
            throw name.Unexpected("\"Qwen2Tokenizer\"");
        }

        JsonValue tokens = root["added_tokens_decoder"];
        if (tokens.IsNull)
        {
            return false;
        }

        foreach (JsonProperty entry in tokens.Expect(JsonValueKind.Object, "an object of id to token").EnumerateObject())
        {
            var token = new JsonValue(entry.Value, root.File, $"added_tokens_decoder.{TokenizerDefinition.Shorten(entry.Name)}");
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
            {
                throw token.Unexpected("an id as key");
            }

            definition.AddToken(TokenizerJson.ReadAddedToken(token, id), root.File);
        }

        return true;
    }

    private static bool ReadAddedTokens(JsonValue root, TokenizerDefinition definition)
    {
        foreach (JsonProperty entry in root.Expect(JsonValueKind.Object, "an object of token to id").EnumerateObject())
        {
            int id = new JsonValue(entry.Value, root.File, TokenizerDefinition.Shorten(entry.Name)).Integer();
            definition.AddToken(new AddedToken(id, entry.Name, Special: true), root.File);
        }

        return true;
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            long length = new FileInfo(path).Length;
            return length <= MaxBytes
                ? File.ReadAllBytes(path)
                : throw TokenizerDefinition.Fault(path, $"{length} bytes; a tokenizer's file has at most {MaxBytes}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException($"{path}: cannot be read: {e.Message}", "Check the path and its permissions.", e);
        }
    }
}
