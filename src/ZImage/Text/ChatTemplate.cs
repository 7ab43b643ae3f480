namespace ZImage.Text;

/// <summary>Qwen3's chat template for what the pipeline asks: one user message, a generation prompt, thinking enabled (so no empty think block).</summary>
public static class ChatTemplate
{
    private const string Before = "<|im_start|>user\n", After = "<|im_end|>\n<|im_start|>assistant\n";

    /// <summary>The prompt inside the template. The prompt itself is neither trimmed nor escaped, as in the model's own template.</summary>
    /// <param name="prompt">The user's text.</param>
    public static string Format(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return string.Concat(Before, prompt, After);
    }
}
