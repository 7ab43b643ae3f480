namespace ZImage.Text;

/// <summary>The split patterns that <see cref="PreTokenizer"/> knows. tokenizer.json stores the pattern as text; it is recognised by exact comparison.</summary>
internal enum SplitPattern
{
    /// <summary>GPT-2: words, digit runs and symbol runs, each with one leading space. What ByteLevel with use_regex stands for.</summary>
    Gpt2,

    /// <summary>Qwen2, Qwen2.5, Qwen3: digits one by one.</summary>
    Qwen2,

    /// <summary>As <see cref="Qwen2"/>, digits in groups of up to three (GPT-4, Llama 3).</summary>
    Qwen2DigitTriples,

    /// <summary>As <see cref="Qwen2"/>, combining marks belong to words (Qwen3.5).</summary>
    Qwen2Marks,
}

/// <summary>The texts of the known patterns.</summary>
internal static class SplitPatterns
{
    internal const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    internal const string Qwen2 = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Spaces;
    internal const string Qwen2DigitTriples = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Spaces;
    internal const string Qwen2Marks = Contractions + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + Spaces;

    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Spaces = @"|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of a text; null for a text that none of them has.</summary>
    internal static SplitPattern? Recognise(string text) => text switch
    {
        Gpt2 => SplitPattern.Gpt2,
        Qwen2 => SplitPattern.Qwen2,
        Qwen2DigitTriples => SplitPattern.Qwen2DigitTriples,
        Qwen2Marks => SplitPattern.Qwen2Marks,
        _ => null,
    };
}
