namespace ZImage.Text;

/// <summary>A prompt as the text encoder takes it.</summary>
/// <param name="Ids">Token ids [tokens], template included, at most the asked length; no padding.</param>
/// <param name="TemplatedText">The prompt inside the chat template, before anything was cut.</param>
/// <param name="CutCount">Number of tokens cut from the end; 0 if all fitted.</param>
/// <param name="CutText">What they say, template included; empty if all fitted. A character cut in two shows as U+FFFD.</param>
public sealed record PromptTokens(IReadOnlyList<int> Ids, string TemplatedText, int CutCount, string CutText);
