namespace ZImage;

/// <summary>What a model draws where a request leaves things open.</summary>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Rows.</param>
/// <param name="SizeMultiple">Width and height are multiples of this.</param>
/// <param name="Steps">Network evaluations.</param>
/// <param name="Guidance">Guidance scale; 0 is off.</param>
public sealed record GenerationDefaults(int Width, int Height, int SizeMultiple, int Steps, double Guidance);
