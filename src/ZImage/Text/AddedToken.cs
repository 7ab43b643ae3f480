namespace ZImage.Text;

/// <summary>A token that is found in the text as it stands, before byte-pair encoding.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text; not empty.</param>
/// <param name="Special">Marks control tokens; encoding treats both kinds alike.</param>
/// <param name="SingleWord">Matches only where no word character touches it.</param>
/// <param name="StripLeft">Takes the white space before it along.</param>
/// <param name="StripRight">Takes the white space after it along.</param>
/// <param name="Normalized">Is looked for after normalisation instead of before.</param>
internal sealed record AddedToken(
    int Id,
    string Content,
    bool Special = false,
    bool SingleWord = false,
    bool StripLeft = false,
    bool StripRight = false,
    bool Normalized = false);
