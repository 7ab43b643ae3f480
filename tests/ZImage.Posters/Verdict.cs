using ZImage.Posters.Scenes;

namespace ZImage.Posters;

/// <summary>What a caption can be right or wrong about.</summary>
internal enum Attribute
{
    Shape,
    Color,
    Place,
    Size,
    Background,
    Character,
}

/// <summary>One stated thing, and what the picture shows.</summary>
/// <param name="Attribute">Its kind.</param>
/// <param name="Subject">What it is said of: "shape 1", "text", "background".</param>
/// <param name="Expected">What the caption says.</param>
/// <param name="Found">What the picture shows; null for nothing.</param>
/// <param name="IsRight">Whether they agree.</param>
internal sealed record Finding(Attribute Attribute, string Subject, string Expected, string? Found, bool IsRight);

/// <summary>Everything that a picture gets right and wrong of its caption.</summary>
/// <param name="Scene">The caption and its structure.</param>
/// <param name="Findings">One for each thing that the caption states.</param>
internal sealed record Verdict(Scene Scene, IReadOnlyList<Finding> Findings)
{
    /// <summary>
    /// What the picture shows and the caption does not ask for, such as a shape drawn twice: "red region at 0.22,0.50". Null where that cannot be told,
    /// because the caption leaves things out or the text or the background was not found.
    /// </summary>
    public IReadOnlyList<string>? Unasked { get; init; }

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsRight => Findings.All(finding => finding.IsRight);

    /// <summary>How many things of a kind are stated, and how many of them are right.</summary>
    public (int Right, int All) Count(Attribute attribute) =>
        (Findings.Count(f => f.Attribute == attribute && f.IsRight), Findings.Count(f => f.Attribute == attribute));
}
