using System.Text;

namespace ZImage.Text;

/// <summary>
/// Token ids for a checkpoint without a tokenizer: one for each UTF-8 byte of the templated prompt, the byte itself (modulo the vocabulary).
/// Different prompts get different ids, and the same prompt the same ones; they are not what Qwen3 would be given.
/// </summary>
internal static class StandInTokens
{
    /// <summary>The ids of a prompt.</summary>
    /// <param name="prompt">Any text.</param>
    /// <param name="vocabulary">Ids stay below it.</param>
    /// <param name="maxTokens">What is beyond is cut.</param>
    public static PromptTokens Of(string prompt, int vocabulary, int maxTokens)
    {
        string text = ChatTemplate.Format(prompt);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int kept = Math.Min(bytes.Length, maxTokens);
        int[] ids = new int[kept];
        for (int i = 0; i < kept; i++)
        {
            ids[i] = bytes[i] % vocabulary;
        }

        return new PromptTokens(ids, text, bytes.Length - kept, Encoding.UTF8.GetString(bytes.AsSpan(kept)));
    }
}
